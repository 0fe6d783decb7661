import { hash, randomBytes } from 'node:crypto';

/** The value of X-Amzn-Trace-Id (X-Ray developer guide, tracing header). */
export interface TraceHeader {
  /** `1-`, the time in seconds and 96 bits at random, in hexadecimal digits. */
  readonly root: string;
  /** 16 hexadecimal digits. */
  readonly parent?: string;
  /** Absent: nobody has decided yet. */
  readonly sampled?: '0' | '1';
  /** How often the chain of requests has come through each function; what Lambda counts loops by. */
  readonly lineage: ReadonlyMap<string, number>;
}

/** Without a qualifier: a loop may go through other versions. */
interface FunctionName {
  readonly accountId: string;
  readonly functionName: string;
}

/** Lambda stops a function that is invoked more often than that in one chain of requests (Lambda developer guide, recursive loop detection). */
export const maxPassages = 16;
/** Those that came first go first: a header stays short. */
const maxLineageEntries = 32;
const maxLineageCount = 32_767;
const maxHeaderLength = 1_024;

/** The members of a header as it was given; undefined for what is none. */
export function parseTraceHeader(text: string | undefined): TraceHeader | undefined {
  if (text === undefined || text.length > maxHeaderLength) return undefined;
  const members = new Map<string, string>();
  for (const part of text.split(';')) {
    const [name = '', value = ''] = part.trim().split('=', 2);
    members.set(name.toLowerCase(), value);
  }
  const root = members.get('root');
  if (root === undefined || !/^1-[0-9a-f]{8}-[0-9a-f]{24}$/i.test(root)) return undefined;
  const parent = members.get('parent');
  const sampled = members.get('sampled');
  return {
    root,
    ...(parent !== undefined && /^[0-9a-f]{16}$/i.test(parent) ? { parent } : {}),
    ...(sampled === '0' || sampled === '1' ? { sampled } : {}),
    lineage: parseLineage(members.get('lineage')),
  };
}

export function formatTraceHeader({ root, parent, sampled, lineage }: TraceHeader): string {
  const parts = [`Root=${root}`];
  if (parent !== undefined) parts.push(`Parent=${parent}`);
  if (sampled !== undefined) parts.push(`Sampled=${sampled}`);
  if (lineage.size > 0) parts.push(`Lineage=${[...lineage].map(([name, count]) => `${name}:${count}`).join('|')}`);
  return parts.join(';');
}

/** The header that a chain of requests goes by from here on: the given one, or a new one. */
export function rootedTraceHeader(given: string | undefined, nowMs: number): string {
  return formatTraceHeader(parseTraceHeader(given) ?? newTrace(nowMs));
}

export function newTrace(nowMs: number): TraceHeader {
  const seconds = Math.floor(nowMs / 1_000)
    .toString(16)
    .padStart(8, '0');
  return { root: `1-${seconds}-${randomBytes(12).toString('hex')}`, lineage: new Map() };
}

export function newSpanId(): string {
  return randomBytes(8).toString('hex');
}

/** How often the chain has come through the function. */
export function passages({ lineage }: Pick<TraceHeader, 'lineage'>, fn: FunctionName): number {
  return lineage.get(lineageName(fn)) ?? 0;
}

/** The same chain, one passage through the function later. */
export function passedThrough(trace: TraceHeader, fn: FunctionName): TraceHeader {
  const name = lineageName(fn);
  const count = Math.min(passages(trace, fn) + 1, maxLineageCount);
  const others = [...trace.lineage].filter(([other]) => other !== name);
  return { ...trace, lineage: new Map([...others.slice(1 - maxLineageEntries), [name, count]]) };
}

function parseLineage(text: string | undefined): ReadonlyMap<string, number> {
  const lineage = new Map<string, number>();
  for (const [, name = '', count] of (text ?? '').matchAll(/([0-9a-f]{8}):(\d{1,5})(?=\||$)/g)) {
    lineage.set(name, Math.min(Number(count), maxLineageCount));
    if (lineage.size === maxLineageEntries) break;
  }
  return lineage;
}

/** A version is an object of its own, and its name is asked for with each invocation. */
const lineageNames = new WeakMap<FunctionName, string>();

/** Tells functions apart, and says nothing of them to others that the chain comes through. */
function lineageName(fn: FunctionName): string {
  const known = lineageNames.get(fn);
  if (known !== undefined) return known;
  const name = hash('sha256', `${fn.accountId}:${fn.functionName}`).slice(0, 8);
  lineageNames.set(fn, name);
  return name;
}
