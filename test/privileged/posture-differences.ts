import type { Expected } from './posture-table.ts';

/** The sections of look.sh's output, their lines with single spaces. */
export function parseLook(text: string): Map<string, readonly string[]> {
  const sections = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of text.split('\n').map((raw) => raw.replaceAll(/\s+/g, ' ').trim())) {
    const [, name] = /^=== (.+)$/.exec(line) ?? [];
    if (name !== undefined) {
      lines = [];
      sections.set(name, lines);
    } else if (line !== '') lines.push(line);
  }
  return sections;
}

/** What is there and not expected, and what is expected and not there, in words. */
export function postureDifferences(
  look: ReadonlyMap<string, readonly string[]>,
  expected: Readonly<Record<string, readonly Expected[]>>,
): readonly string[] {
  const sections = new Set([...look.keys(), ...Object.keys(expected)]);
  sections.delete('end');
  return [...sections].flatMap((name) => {
    const lines = look.get(name);
    const entries = expected[name];
    if (lines === undefined || entries === undefined) return [`${name}: ${lines === undefined ? 'not looked at' : 'not in the table'}`];
    const unknown = lines.filter((line) => !entries.some((entry) => matches(entry, line)));
    const missing = entries.filter(
      (entry) => !(typeof entry === 'object' && entry.optional !== undefined) && !lines.some((line) => matches(entry, line)),
    );
    return [
      ...unknown.map((line) => `${name}: unexpected "${line}"`),
      ...missing.map((entry) => `${name}: missing ${typeof entry === 'string' ? `"${entry}"` : `${entry.line} (${entry.because})`}`),
    ];
  });
}

function matches(entry: Expected, line: string): boolean {
  return typeof entry === 'string' ? entry === line : entry.line.test(line);
}
