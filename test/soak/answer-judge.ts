/** A call and what came of it. */
export interface CallOutcome {
  readonly account: string;
  readonly functionName: string;
  readonly what: string;
  readonly startedMs: number;
  readonly endedMs: number;
  /** The function's error as the caller was told; undefined when the function answered. */
  readonly failure?: { readonly errorType: string; readonly errorMessage: string };
  /** Not the function's answer at all: the API refused, or the connection broke. */
  readonly refusal?: { readonly name: string; readonly message: string; readonly status: number | undefined };
}

interface Kill {
  readonly account: string;
  readonly functionName: string;
  readonly atMs: number;
  isUsed: boolean;
}

/** What a caller is told when its environment dies under it. */
const ofDeath = new Set(['Runtime.ExitError', 'Sandbox.Failure']);

/** Holds what went wrong against what was done to the daemon's environments: each kill excuses one failure, in its own function, and no other. */
export class AnswerJudge {
  readonly #kills: Kill[] = [];
  /** From the daemon's death until it serves again; the last one may still go on. */
  readonly #outages: { readonly fromMs: number; untilMs: number }[] = [];
  readonly violations: string[] = [];
  readonly counts = new Map<string, number>();

  /** An environment's processes, or one of them, were killed from outside. */
  killed(account: string, functionName: string): void {
    this.#kills.push({ account, functionName, atMs: performance.now(), isUsed: false });
  }

  outageBegins(): void {
    this.#outages.push({ fromMs: performance.now(), untilMs: Number.POSITIVE_INFINITY });
  }

  outageEnds(): void {
    const last = this.#outages.at(-1);
    if (last !== undefined) last.untilMs = performance.now();
  }

  /** The answer was what it ought to be. */
  right(what: string): void {
    this.#count(`right: ${what}`);
  }

  /** The answer was one that nothing excuses. */
  wrong(problem: string): void {
    this.violations.push(problem);
  }

  /** Something else than the right answer came: an honest error, or a violation. */
  failed(outcome: CallOutcome): void {
    const excuse = this.#excuseFor(outcome);
    if (excuse === undefined) this.wrong(describeOutcome(outcome));
    else this.#count(`honest: ${excuse}`);
  }

  #excuseFor(outcome: CallOutcome): string | undefined {
    const { account, functionName, startedMs, endedMs, failure, refusal } = outcome;
    const isOutage = this.#outages.some(({ fromMs, untilMs }) => startedMs <= untilMs && endedMs >= fromMs);
    if (refusal !== undefined && isOutage && (refusal.status === undefined || refusal.status >= 500)) return 'the daemon was down';
    if (failure === undefined || !ofDeath.has(failure.errorType)) return undefined;
    if (isOutage) return 'the daemon was down';
    // One that is killed while it is frozen dies when it is thawed: the kill may be long past.
    const kill = this.#kills.find((one) => !one.isUsed && one.account === account && one.functionName === functionName && one.atMs <= endedMs);
    if (kill === undefined) return undefined;
    kill.isUsed = true;
    return `killed: ${failure.errorType}`;
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

function describeOutcome({ account, functionName, what, startedMs, endedMs, failure, refusal }: CallOutcome): string {
  const told = failure === undefined ? `${refusal?.status ?? 'no answer'} ${refusal?.name}: ${refusal?.message}` : JSON.stringify(failure);
  return `${what} of ${account}/${functionName}, ${Math.round(endedMs - startedMs)} ms: ${told}`;
}
