import { styleText } from 'node:util';

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow';

/** Writes one JSON document, indented for people on a terminal, one line for scripts. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, process.stdout.isTTY ? 2 : undefined)}\n`);
}

/** Writes lines to standard output. */
export function print(...lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** Writes what is said to people beside the result: to standard error. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Colours text when standard output is a terminal and NO_COLOR is not set. */
export function paint(style: Style, text: string): string {
  const { NO_COLOR } = process.env;
  if (!process.stdout.isTTY || (NO_COLOR !== undefined && NO_COLOR !== '')) return text;
  return styleText(style, text, { validateStream: false });
}

/** Writes rows under a heading, columns aligned; `empty` is said instead of an empty table. */
export function printTable(heading: readonly string[], rows: readonly (readonly string[])[], empty: string): void {
  if (rows.length === 0) {
    note(empty);
    return;
  }
  const [first = '', ...rest] = tableLines([heading, ...rows]);
  print(paint('bold', first), ...rest);
}

/** Aligns columns by padding each cell to the widest of its column. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
