import { paint, tableLines } from './output.ts';

interface Fact {
  readonly value: unknown;
  readonly readFrom: string;
}

/** What the daemon answers of one environment: wall, fact, value, and where the kernel says so. */
export interface EvidenceAnswer {
  readonly id: string;
  readonly pids: readonly number[];
  readonly walls: Readonly<Record<string, Readonly<Record<string, Fact>>>>;
}

/** For people: a heading per wall, a line per fact, each with the file that it was read from. */
export function evidenceLines(evidence: EvidenceAnswer): string[] {
  const walls = Object.entries(evidence.walls);
  const rows = walls.flatMap(([, facts]) => Object.entries(facts).flatMap(([name, fact]) => factRows(name, fact)));
  const lines = tableLines(rows);
  const text = [`${paint('bold', evidence.id)}  host pids ${evidence.pids.join(' ')}`];
  let next = 0;
  for (const [wall, facts] of walls) {
    const count = Object.entries(facts).reduce((sum, [name, fact]) => sum + factRows(name, fact).length, 0);
    text.push('', paint('bold', wall), ...lines.slice(next, next + count));
    next += count;
  }
  return text;
}

/** A fact of several values, such as the mounts, gets a line for each. */
function factRows(name: string, { value, readFrom }: Fact): string[][] {
  const from = paint('dim', readFrom);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value).map(([key, item]) => [`  ${name} ${key}`, oneLine(item), from]);
  }
  return [[`  ${name}`, Array.isArray(value) ? value.join(' ') : oneLine(value), from]];
}

function oneLine(value: unknown): string {
  return String(value ?? '-')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
