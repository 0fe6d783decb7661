import type { RuntimeApiPort } from './runtime-api-port.ts';
import type { RuntimeSession } from './runtime-session.ts';
import type { SurfaceGuard } from './surface-guard.ts';

/** What every endpoint works on. */
export interface RuntimeExchange {
  readonly session: RuntimeSession;
  readonly port: RuntimeApiPort;
  readonly guard: SurfaceGuard;
}
