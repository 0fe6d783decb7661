import type { Attack, AttackContext, Attempt, Verdict } from '../attack.ts';
import { moved } from '../kernel-view.ts';
import { type Counted, judgeBomb, untilTried } from './bombs.ts';

/** What the log budget lets through in the bomb's three seconds (10 MiB a second), with its burst, what two pipes hold, and half as much again. */
const mostLoggedKiB = 56 * 1024;
const stopTimeoutMs = 10_000;

/** Bombs against what environments share: the daemon that reads their logs, the scheduler, an invocation that nobody answers. */
export const hostBombs: readonly Attack[] = [
  {
    id: 'runtime-api.log-flood',
    wall: 'runtime-api',
    what: 'logs written as fast as it goes, which the daemon has to read and keep',
    takesSeconds: true,
    run: floodLogs,
  },
  {
    id: 'cgroups.signal-storm',
    wall: 'cgroups',
    what: 'signals sent without end to eight processes',
    takesSeconds: true,
    run: async (context) => {
      const counted: Counted = ({ inside, outside }) => {
        const throttled = moved('throttledPeriods', outside) ?? 0;
        if (throttled === 0) return undefined;
        const { readFrom } = outside.after.counters['throttledPeriods'] ?? { readFrom: '' };
        return { stoppedBy: 'CPU bandwidth', evidence: `${inside.facts['signals']} signals; throttledPeriods +${throttled} (${readFrom})` };
      };
      const attempt = await untilTried(() => context.attack('bombs.signals', {}, { neighbour: true }), counted);
      return withNeighbour(attempt, judgeBomb(attempt, counted));
    },
  },
  {
    id: 'runtime-api.stopped-process',
    wall: 'runtime-api',
    what: 'SIGSTOP to itself and its runtime, so that nobody answers the invocation',
    takesSeconds: true,
    run: stopItself,
  },
];

async function floodLogs(context: AttackContext): Promise<Verdict> {
  const before = context.loggedBytes();
  const attempt = await context.attack('bombs.logs', {}, { neighbour: true });
  const kept = context.loggedBytes() - before;
  const written = Number(/^\d+/.exec(attempt.inside.facts['KiB written'] ?? '')?.[0]);
  const daemonMs = Math.round((moved('daemonCpuNs', attempt.outside) ?? 0) / 1e6 + (moved('daemonCpuUs', attempt.outside) ?? 0) / 1e3);
  const { readFrom = '' } = attempt.outside.after.counters['daemonCpuNs'] ?? attempt.outside.after.counters['daemonCpuUs'] ?? {};
  const evidence = `${written} KiB could be written, ${Math.round(kept / 1024)} KiB of them are on the host's disk, the daemon used ${daemonMs} ms of CPU time (${readFrom})`;
  if (!Number.isFinite(written)) return { blocked: false, stoppedBy: 'unknown', evidence: attempt.inside.functionError ?? evidence };
  if (written > mostLoggedKiB) return withNeighbour(attempt, { blocked: false, stoppedBy: 'nothing', evidence });
  return withNeighbour(
    attempt,
    judgeBomb(attempt, () => ({ stoppedBy: 'log budget', evidence })),
  );
}

/** Its client must get an answer all the same, soon after the function's own time-out of two seconds. */
async function stopItself(context: AttackContext): Promise<Verdict> {
  const { promise: tooLate, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), stopTimeoutMs);
  const started = performance.now();
  const attack = context.attack('bombs.stop', {}, { neighbour: true, from: 'attacker-stopped' });
  attack.catch(() => undefined);
  const attempt = await Promise.race([attack, tooLate]).finally(() => clearTimeout(timer));
  if (attempt === undefined)
    return { blocked: false, stoppedBy: 'nothing', evidence: `nobody had answered the invocation after ${stopTimeoutMs} ms` };
  const waited = `after ${Math.round(performance.now() - started)} ms`;
  const { functionError } = attempt.inside;
  if (functionError === undefined) return { blocked: false, stoppedBy: 'unknown', evidence: `it went on and answered ${waited}` };
  const { pid, counters } = attempt.outside.after;
  return withNeighbour(
    attempt,
    judgeBomb(attempt, () => ({
      stoppedBy: 'time-out of the invocation',
      evidence: `${functionError.replaceAll('"', '')} ${waited}; stopped processes seen meanwhile: ${counters['stoppedProcesses']?.value ?? 0} (/proc/${pid}/stat)`,
    })),
  );
}

function withNeighbour(attempt: Attempt, verdict: Verdict): Verdict {
  const { neighbour } = attempt.outside;
  return neighbour === undefined ? verdict : { ...verdict, neighbour };
}
