import type { Attack, Attempt, Verdict } from '../attack.ts';
import { judgeByGoals, type NothingFound } from '../explain.ts';

/** 32 connections, and what the kernel queues beside them (listen(2)). */
const mostConnections = 32 + 64;

const established: NothingFound = ({ counters }) => ({
  stoppedBy: 'checks of the Runtime API',
  reading: connectionWords(counters),
});

function connectionWords(counters: Attempt['outside']['after']['counters']): string {
  const { value, readFrom } = counters['runtimeApiConnections'] ?? { value: 0, readFrom: '/proc/PID/net/tcp' };
  return `${value} connections to it established (${readFrom})`;
}

function timed(attempt: Attempt, verdict: Verdict): Verdict {
  const { neighbour } = attempt.outside;
  if (neighbour === undefined) return verdict;
  const { invocations, wrong, p50Ms, p99Ms } = neighbour;
  const evidence = `${verdict.evidence}; neighbour: ${invocations - wrong} of ${invocations} answers right, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
  return wrong === 0 ? { ...verdict, evidence, neighbour } : { blocked: false, stoppedBy: 'nothing', evidence, neighbour };
}

/** The environment may end of it: that is the bound at work, if the kernel saw no more connections than are allowed. */
function judgeSlowRequests(attempt: Attempt): Verdict {
  const most = attempt.outside.after.counters['runtimeApiConnections'];
  const { functionError } = attempt.inside;
  if (functionError === undefined) return judgeByGoals(attempt, established);
  const ended = functionError.includes('Runtime.ApiLimitExceeded');
  const held = `at most ${connectionWords(attempt.outside.after.counters)} at once`;
  if (!ended || most === undefined || most.value > mostConnections) {
    return { blocked: false, stoppedBy: ended ? 'nothing' : 'unknown', evidence: `${functionError}; ${held}` };
  }
  return { blocked: true, stoppedBy: 'bounds of the Runtime API', evidence: `the environment was ended: Runtime.ApiLimitExceeded; ${held}` };
}

/** Whether something else than the attacker's report answered the invocation: what a forbidden request sent. */
function isOthersAnswer({ inside }: Attempt): boolean {
  return inside.functionError === undefined && (typeof inside !== 'object' || inside.steps === undefined);
}

function forged({ inside }: Attempt): Verdict {
  return { blocked: false, stoppedBy: 'nothing', evidence: `reached: the invocation was answered with ${JSON.stringify(inside)}` };
}

export const runtimeApiAttacks: readonly Attack[] = [
  {
    id: 'runtime-api.slow-requests',
    wall: 'runtime-api',
    what: '400 connections whose requests never end (Slowloris)',
    takesSeconds: true,
    run: async (context) => {
      const attempt = await context.attack('runtime-api.slow-requests', { connections: mostConnections }, { neighbour: true });
      return timed(attempt, judgeSlowRequests(attempt));
    },
  },
  {
    id: 'runtime-api.malformed-requests',
    wall: 'runtime-api',
    what: "requests that are none, paths upwards, the daemon's other operations, a head of a mebibyte",
    takesSeconds: true,
    run: async (context) => {
      const attempt = await context.attack('runtime-api.malformed-requests', {}, { neighbour: true });
      return timed(attempt, judgeByGoals(attempt, established));
    },
  },
  {
    id: 'runtime-api.ambiguous-requests',
    wall: 'runtime-api',
    what: 'requests whose end parsers see in different places, for its own invocation',
    run: async (context) => {
      const attempt = await context.attack('runtime-api.ambiguous-requests');
      if (isOthersAnswer(attempt)) return forged(attempt);
      return judgeByGoals(attempt, established);
    },
  },
  {
    id: 'runtime-api.forged-answer',
    wall: 'runtime-api',
    what: "an answer in the neighbour's name, whose request id is known",
    run: async (context) => {
      const { requestId, answered } = await context.neighbourInvocation(1_500);
      const attempt = await context.attack('runtime-api.forged-answer', { requestId });
      if (isOthersAnswer(attempt)) return forged(attempt);
      const { functionError, steps } = await answered;
      if (functionError !== undefined || steps === undefined) {
        return { blocked: false, stoppedBy: 'nothing', evidence: `reached: the neighbour's client got ${functionError ?? 'another answer'}` };
      }
      return judgeByGoals(attempt, established);
    },
  },
];
