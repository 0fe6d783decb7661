import type { RuntimeApiError } from '../answers.ts';
import { destinationDenied } from './telemetry-errors.ts';
import type { TelemetryDestination } from './telemetry-subscription.ts';
import { Unreadable, unknownVariant } from './unreadable.ts';

/** Names of 127.0.0.1 inside the environment. `sandbox` is what older extensions write. */
const hosts: readonly string[] = ['sandbox.localdomain', 'sandbox', '127.0.0.1'];

/** The Runtime API's own. */
const reservedPort = 9001;

const maxUriLength = 2_048;

/** Where a subscription's telemetry is to go, or the denial of another host or scheme; undefined when a problem has been added. */
export function readDestination(members: Readonly<Record<string, unknown>>, problems: string[]): TelemetryDestination | RuntimeApiError | undefined {
  const { protocol } = members;
  if (protocol === undefined) throw new Unreadable('missing field `protocol`');
  if (protocol === 'HTTP') return httpDestination(members['URI'], problems);
  if (protocol === 'TCP') return { protocol, port: checkPort(members['port'], problems) };
  throw unknownVariant(protocol, ['HTTP', 'TCP']);
}

function httpDestination(uri: unknown, problems: string[]): TelemetryDestination | RuntimeApiError | undefined {
  if (uri === undefined) throw new Unreadable('missing field `URI`');
  if (typeof uri !== 'string') throw new Unreadable('invalid type for `URI`: expected a string');
  const url = uri.length > maxUriLength ? null : URL.parse(uri);
  if (url === null) return invalid('invalid destination URI', problems);
  if (url.protocol !== 'http:') return destinationDenied("Only 'http' scheme is supported.");
  // SECURITY: the name is compared, never resolved; the connection goes to 127.0.0.1 of the environment's own network whatever it is.
  if (!hosts.includes(url.hostname)) return destinationDenied("Only 'sandbox.localdomain' hostname is supported.");
  if (url.username !== '' || url.password !== '' || url.hash !== '') return invalid('invalid destination URI', problems);
  // A URL does not tell the scheme's own port, 80, from none.
  const port = /^http:\/\/[^/?#]*:(\d{1,5})(?:[/?#]|$)/i.exec(uri)?.[1];
  if (port === undefined) return invalid('URI port is not provided', problems);
  return { protocol: 'HTTP', port: checkPort(Number(port), problems), host: `${url.hostname}:${port}`, path: `${url.pathname}${url.search}` };
}

function checkPort(port: unknown, problems: string[]): number {
  if (port === undefined) throw new Unreadable('missing field `port`');
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Unreadable('invalid value for `port`: expected u16');
  if (port === 0) problems.push('port should be between 1 and 65535');
  if (port === reservedPort) problems.push(`port ${reservedPort} is reserved`);
  return port;
}

function invalid(problem: string, problems: string[]): undefined {
  problems.push(problem);
  return undefined;
}
