/** The walls as `cloister env inspect --json` prints them: for each fact its value, and the kernel file it was read from. */
export type Walls = Readonly<Record<string, Readonly<Record<string, { readonly value: unknown; readonly readFrom: string }>>>>;

/** The walls around one function's environment. */
export interface Inspected {
  readonly functionName: string;
  readonly environmentId: string;
  readonly pids: readonly number[];
  readonly walls: Walls;
}

const hostSuffix = 'OfHost';
const maxCellLength = 26;
/** Of the many mounts these are shown one by one. */
const shownMounts = ['/', '/var/task', '/opt', '/tmp'] as const;

/** Lines of a table, columns aligned, a rule below the heading. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(heading), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)];
}

/** A row for each fact of each wall: its value for each function, the host's own where there is one, and the file in the kernel's file systems. */
export function wallTable(inspected: readonly Inspected[]): string[] {
  const [first] = inspected;
  if (first === undefined) return [];
  const rows = Object.entries(first.walls).flatMap(([wall, facts]) =>
    Object.entries(facts)
      .filter(([fact]) => !fact.endsWith(hostSuffix))
      .flatMap(([fact, { readFrom }]) => {
        const values = inspected.map(({ walls }) => walls[wall]?.[fact]?.value);
        const host = `${fact}${hostSuffix}` in facts ? cell(facts[`${fact}${hostSuffix}`]?.value) : '';
        const from = pattern(readFrom, first);
        const parts = isRecord(values[0]) ? shownMounts.map((key) => [`${fact} ${key}`, values.map((value) => part(value, key))] as const) : [];
        return [[fact, values] as const, ...parts].map(([name, cells]) => [wall, name, ...cells.map(cell), host, from]);
      }),
  );
  return table(['WALL', 'FACT', ...inspected.map(({ functionName }) => functionName), 'HOST', 'READ FROM'], rows);
}

function part(value: unknown, key: string): unknown {
  return isRecord(value) ? value[key] : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function cell(value: unknown): string {
  const text = Array.isArray(value) ? value.join(' ') : isRecord(value) ? `${Object.keys(value).length} in all` : String(value ?? '-');
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > maxCellLength ? `${line.slice(0, maxCellLength - 1)}…` : line;
}

/** The path with what differs from environment to environment written in capitals. */
function pattern(path: string, { pids, environmentId }: Inspected): string {
  return path
    .replaceAll(environmentId, 'ENVIRONMENT')
    .replaceAll(/\bslot-\d+\b/g, 'SLOT')
    .replaceAll(/\bloop\d+\b/g, 'LOOP')
    .replaceAll(/\/proc\/(\d+)\//g, (whole, pid: string) => (pids.includes(Number(pid)) ? '/proc/PID/' : whole));
}
