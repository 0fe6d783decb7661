import { CloisterError } from '../errors.ts';

/** What the command's exit status tells a script; `cloister --help` documents it. */
export const exitStatus = { ok: 0, failed: 1, usage: 2, unreachable: 3, unfit: 4 } as const;

const connectionErrors = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EAI_AGAIN']);

/** The exit status that an error ends the command with. */
export function exitStatusOf(error: unknown): number {
  if (isConnectionError(error)) return exitStatus.unreachable;
  if (!(error instanceof CloisterError)) return exitStatus.failed;
  switch (error.code) {
    case 'AgentGone':
      return exitStatus.unreachable;
    case 'BadMessage':
      return exitStatus.usage;
    case 'HostUnfit':
      return exitStatus.unfit;
    default:
      return exitStatus.failed;
  }
}

/** Whether nothing answered: the connection was refused, reset or led nowhere. */
export function isConnectionError(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code } = current as NodeJS.ErrnoException;
    if (code !== undefined && connectionErrors.has(code)) return true;
    if (current instanceof AggregateError && current.errors.some(isConnectionError)) return true;
  }
  return false;
}
