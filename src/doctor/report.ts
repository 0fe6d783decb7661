import { styleText } from 'node:util';
import { type Finding, isFit, type Severity } from './check.ts';

/** What `cloister doctor --json` prints. */
export interface DoctorReport {
  readonly checks: readonly {
    readonly id: string;
    readonly ok: boolean;
    readonly severity: Severity;
    readonly found: string;
    readonly why: string;
    readonly fix: string;
  }[];
  readonly ok: boolean;
}

/** The findings for scripts. */
export function findingsAsJson(findings: readonly Finding[]): DoctorReport {
  const checks = findings.map(({ check: { id, severity, why, fix }, ok, found }) => ({ id, ok, severity, found, why, fix }));
  return { checks, ok: isFit(findings) };
}

/** The findings for people: a line each, and for what is not well the reason and the cure. */
export function findingLines(findings: readonly Finding[], { colour }: { readonly colour: boolean }): string[] {
  const paint = (style: 'green' | 'red' | 'yellow', text: string) => (colour ? styleText(style, text, { validateStream: false }) : text);
  const marks = {
    well: paint('green', 'ok     '),
    required: paint('red', 'missing'),
    advice: paint('yellow', 'note   '),
    unknown: paint('yellow', 'unknown'),
  };
  const width = Math.max(...findings.map(({ check }) => check.id.length));
  const lines = findings.flatMap(({ check, ok, found, measured }) => {
    const first = `${ok ? marks.well : marks[measured ? check.severity : 'unknown']}  ${check.id.padEnd(width)}  ${found}`;
    const indent = ' '.repeat(width + 11);
    return ok || !measured ? [first] : [first, `${indent}why: ${check.why}`, `${indent}fix: ${check.fix}`];
  });
  const bad = findings.filter(({ ok, check }) => !ok && check.severity === 'required').length;
  const verdict = bad === 0 ? 'This host can run Cloister.' : `This host can not run Cloister yet: ${bad} of ${findings.length} checks failed.`;
  return [...lines, '', verdict];
}
