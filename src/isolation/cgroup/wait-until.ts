import { setTimeout as delay } from 'node:timers/promises';
import { CloisterError } from '../../errors.ts';

/** Asks again at growing intervals, 1 to 50 ms, until `done` says so: cgroup v1 tells nobody when a group empties or is frozen. */
export async function waitUntil(done: () => boolean, options: { readonly what: string; readonly timeoutMs: number }): Promise<void> {
  const end = performance.now() + options.timeoutMs;
  for (let pauseMs = 1; !done(); pauseMs = Math.min(50, pauseMs * 2)) {
    if (performance.now() > end)
      throw new CloisterError('Internal', `${options.what} took over ${options.timeoutMs} ms`, { operation: options.what });
    await delay(pauseMs);
  }
}
