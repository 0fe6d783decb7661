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

/** What a caller is told when its environment dies under it; the second one in the middle of a stream. */
const ofDeath = new Set(['Runtime.ExitError', 'Runtime.TruncatedResponse', 'Sandbox.Failure']);

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
    const { startedMs, endedMs, failure, refusal } = outcome;
    const isOutage = this.#outages.some(({ fromMs, untilMs }) => startedMs <= untilMs && endedMs >= fromMs);
    if (refusal !== undefined && isOutage && (refusal.status === undefined || refusal.status >= 500)) return 'the daemon was down';
    // Killed while it is made for this very call: Lambda, too, answers ServiceException, which clients try again.
    if (refusal?.status === 500 && refusal.name === 'ServiceException' && this.#useKill(outcome, startedMs)) return 'killed: ServiceException';
    if (failure === undefined || !ofDeath.has(failure.errorType)) return undefined;
    if (isOutage) return 'the daemon was down';
    // One that is killed while it is frozen dies when it is thawed: the kill may be long past.
    return this.#useKill(outcome, 0) ? `killed: ${failure.errorType}` : undefined;
  }

  /** Whether something of the function was killed from then until the call ended that has not been an excuse before. */
  #useKill({ account, functionName, endedMs }: CallOutcome, fromMs: number): boolean {
    const kill = this.#kills.find(
      (one) => !one.isUsed && one.account === account && one.functionName === functionName && one.atMs >= fromMs && one.atMs <= endedMs,
    );
    if (kill === undefined) return false;
    kill.isUsed = true;
    return true;
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

function describeOutcome({ account, functionName, what, startedMs, endedMs, failure, refusal }: CallOutcome): string {
  const told = failure === undefined ? `${refusal?.status ?? 'no answer'} ${refusal?.name}: ${refusal?.message}` : JSON.stringify(failure);
  return `${what} of ${account}/${functionName}, ${Math.round(endedMs - startedMs)} ms: ${told}`;
}
