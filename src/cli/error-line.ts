import { isConnectionError } from './exit-status.ts';

/** An error as the one line that a person reads: no stack, no line breaks. */
export function errorLine(error: unknown): string {
  if (isConnectionError(error)) return `no daemon answers (${oneLine(connectionReason(error))}); start one with: cloister up`;
  if (!(error instanceof Error)) return oneLine(String(error));
  // The SDK names Lambda's errors after their type; its name is what the documentation explains.
  const kind = /(Exception|Error)$/.test(error.name) && error.name !== 'Error' && error.name !== 'CloisterError' ? `${error.name}: ` : '';
  const path = (error as { path?: unknown }).path;
  const where = typeof path === 'string' && !error.message.includes(path) ? ` (${path})` : '';
  return oneLine(`${kind}${error.message}${where}`);
}

function connectionReason(error: unknown): string {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof AggregateError && current.errors[0] instanceof Error) return current.errors[0].message;
    if ((current as NodeJS.ErrnoException).code !== undefined && current.message !== '') return current.message;
  }
  return String(error);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').trim();
}
