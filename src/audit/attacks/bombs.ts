import type { Attack, AttackOptions, Attempt, Verdict } from '../attack.ts';
import { judgeByGoals, limitReading } from '../explain.ts';
import { moved } from '../kernel-view.ts';

const maxRepeats = 2;

/** What the kernel counted of an attempt; undefined when it counted nothing, so that nothing is known to have stopped it. */
export type Counted = (attempt: Attempt) => { readonly stoppedBy: string; readonly evidence: string } | undefined;

interface Bomb {
  readonly id: string;
  readonly wall: Attack['wall'];
  readonly what: string;
  readonly code: string;
  readonly event?: Readonly<Record<string, string | number>>;
  readonly from?: AttackOptions['from'];
  readonly counted: Counted;
}

/** A bomb is blocked when it did not get what it wanted, the kernel counted why, and every answer of the neighbour was right meanwhile. */
function bomb({ id, wall, what, code, event, from, counted }: Bomb): Attack {
  return {
    id,
    wall,
    what,
    takesSeconds: true,
    run: async (context) => {
      const attempt = await untilTried(() => context.attack(code, event, { neighbour: true, ...(from !== undefined && { from }) }), counted);
      const { neighbour } = attempt.outside;
      return { ...judgeBomb(attempt, counted), ...(neighbour !== undefined && { neighbour }) };
    },
  };
}

/** Where the host is so busy that a bomb does not get as far as its limit, that limit has not been tried: it gets two more chances. */
export async function untilTried(make: () => Promise<Attempt>, counted: Counted): Promise<Attempt> {
  let attempt = await make();
  for (let again = 0; again < maxRepeats && isUntried(attempt, counted); again += 1) attempt = await make();
  return attempt;
}

function isUntried(attempt: Attempt, counted: Counted): boolean {
  return attempt.inside.functionError === undefined && attempt.inside.steps.every(({ goal }) => goal !== true) && counted(attempt) === undefined;
}

/** Blocked when it did not get what it wanted, the kernel counted why, and every answer of the neighbour was right. */
export function judgeBomb(attempt: Attempt, counted: Counted): Verdict {
  const { inside, outside } = attempt;
  const told = neighbourWords(attempt);
  const reached = inside.steps.find(({ goal }) => goal === true);
  if (reached !== undefined) return { ...judgeByGoals(attempt), evidence: `${reached.what}: ${factWords(attempt)}; ${told}` };
  if (outside.neighbour !== undefined && outside.neighbour.wrong > 0) return { blocked: false, stoppedBy: 'nothing', evidence: told };
  const count = counted(attempt);
  if (count === undefined) return { blocked: false, stoppedBy: 'nothing', evidence: `the kernel counted nothing: ${factWords(attempt)}; ${told}` };
  return { blocked: true, stoppedBy: count.stoppedBy, evidence: `${count.evidence}; ${told}` };
}

function neighbourWords({ outside: { neighbour } }: Attempt): string {
  if (neighbour === undefined) return 'no neighbour was timed';
  const { invocations, wrong, p50Ms, p99Ms } = neighbour;
  return `neighbour: ${invocations - wrong} of ${invocations} answers right, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
}

function factWords({ inside }: Attempt): string {
  const facts = Object.entries(inside.facts).filter(([name]) => name !== 'inherited');
  return facts.length === 0 ? (inside.functionError ?? 'no answer') : facts.map(([name, value]) => `${value} ${name}`).join(', ');
}

/** A counter that moved in this attempt. */
function countedBy(stoppedBy: string, ...names: readonly string[]): Counted {
  return ({ outside }) => {
    const name = names.find((one) => (moved(one, outside) ?? 0) > 0);
    if (name === undefined) return undefined;
    const { readFrom } = outside.after.counters[name] ?? { readFrom: '' };
    return { stoppedBy, evidence: `${name} +${moved(name, outside)} (${readFrom})` };
  };
}

export const bombAttacks: readonly Attack[] = [
  bomb({
    id: 'cgroups.memory-bomb',
    wall: 'cgroups',
    what: 'more memory than the function has',
    code: 'bombs.memory',
    event: { mebibytes: 2_304 },
    counted: countedBy('memory limit', 'oomKills', 'oomKillsOfHost'),
  }),
  bomb({
    id: 'cgroups.fork-bomb',
    wall: 'cgroups',
    what: 'processes without end',
    code: 'bombs.forks',
    event: { processes: 1_300 },
    counted: countedBy('process limit', 'pidsMaxHits'),
  }),
  bomb({
    id: 'cgroups.cpu-bomb',
    wall: 'cgroups',
    what: 'four spinning processes in a function that earns one processor',
    code: 'bombs.cpu',
    event: { sharePermille: 1_000 },
    counted: countedBy('CPU bandwidth', 'throttledPeriods'),
  }),
  bomb({
    id: 'cgroups.cpu-share',
    wall: 'cgroups',
    what: 'four spinning processes in a function that earns a quarter of a processor',
    code: 'bombs.cpu',
    event: { sharePermille: 250 },
    from: 'attacker-small',
    counted: countedBy('CPU bandwidth', 'throttledPeriods'),
  }),
  bomb({
    id: 'cgroups.socket-bomb',
    wall: 'cgroups',
    what: "kernel memory in sockets' buffers",
    code: 'bombs.socket-buffers',
    event: { mebibytes: 2_048 },
    counted: (attempt) => countedBy('memory limit', 'oomKills', 'oomKillsOfHost', 'memoryLimitHits')(attempt) ?? socketLimit(attempt),
  }),
  bomb({
    id: 'privileges.descriptor-bomb',
    wall: 'privileges',
    what: 'open files without end',
    code: 'bombs.descriptors',
    event: { descriptors: 1_200 },
    counted: ({ inside, outside }) => {
      const step = inside.steps.find(({ goal }) => goal === false);
      if (step === undefined) return undefined;
      return { stoppedBy: 'rlimits', evidence: `stopped after ${step.result}; ${limitReading(outside.after, 'Max open files')}` };
    },
  }),
];

/** What a socket takes is bounded by the host's wmem_max times the number of descriptors. */
function socketLimit({ inside, outside }: Attempt): { readonly stoppedBy: string; readonly evidence: string } | undefined {
  const step = inside.steps.find(({ goal }) => goal === false);
  if (step === undefined) return undefined;
  return {
    stoppedBy: 'descriptors and socket sizes',
    evidence: `${step.result} MiB were taken in all; memory peak ${outside.after.counters['memoryPeakBytes']?.value} bytes (${outside.after.counters['memoryPeakBytes']?.readFrom})`,
  };
}
