import { isUnreachable } from './unreachable-ranges.ts';

/** One destination that an environment may reach: an IPv4 network, and a port or every port. */
export interface EgressDestination {
  /** `a.b.c.d/len`. */
  readonly cidr: string;
  /** Absent: every port. */
  readonly port?: number;
}

/** Where an environment may open connections to: nowhere, everywhere that is public, or only to what is listed. */
export type EgressPolicy =
  | { readonly kind: 'none' }
  | { readonly kind: 'public' }
  | { readonly kind: 'list'; readonly destinations: readonly EgressDestination[] };

const destinationPattern = /^(?<cidr>(?:\d{1,3}\.){3}\d{1,3}\/\d{1,2})(?::(?<port>\d{1,5}))?$/;

/** Reads `none`, `public`, or a list of `a.b.c.d/len[:port]`, none of them all private; undefined when it is none of these. */
export function parseEgressPolicy(value: string | readonly string[]): EgressPolicy | undefined {
  if (value === 'none' || value === 'public') return { kind: value };
  if (typeof value === 'string') return undefined;
  const destinations = value.map(parseDestination);
  return destinations.every((destination) => destination !== undefined) ? { kind: 'list', destinations } : undefined;
}

function parseDestination(text: string): EgressDestination | undefined {
  const groups = destinationPattern.exec(text)?.groups;
  const cidr = groups?.['cidr'];
  if (cidr === undefined) return undefined;
  const [address = '', length = ''] = cidr.split('/');
  if (Number(length) > 32 || address.split('.').some((octet) => Number(octet) > 255)) return undefined;
  const port = groups?.['port'] === undefined ? undefined : Number(groups['port']);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  // Nothing would ever be opened by it: better said at once.
  if (isUnreachable(cidr)) return undefined;
  return { cidr, ...(port !== undefined && { port }) };
}
