import { inspect } from 'node:util';

/** Tells the operator, on standard error, what no client is told. */
export function reportProblem(problem: string, cause?: unknown): void {
  const reason = cause === undefined ? '' : `: ${inspect(cause)}`;
  process.stderr.write(`${new Date().toISOString()} ${problem}${reason}\n`);
}
