import type { Clock } from '../environment/clock.ts';
import { CloisterError } from '../errors.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import { formatTraceHeader, maxPassages, newSpanId, newTrace, parseTraceHeader, passages, passedThrough } from './trace-header.ts';

/** X-Ray's default rule: the first request of each second, and five percent of the others (X-Ray developer guide, sampling). */
const sampledShare = 0.05;

/** Gives every invocation its trace header, and stops loops of functions. */
export class InvocationTraces {
  readonly #clock: Clock;
  readonly #random: () => number;
  /** By account, the second that has its sampled request. */
  readonly #sampledSeconds = new Map<string, number>();

  constructor(options: { readonly clock: Clock; readonly random: () => number }) {
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /**
   * What the function is told: the chain's root, the span that it belongs to, whether it is sampled, and the functions that the chain came through. Throws
   * `RecursiveLoop` for a function that the chain came through too often, unless its recursion configuration allows that.
   */
  enter(fn: FunctionVersion, given: string | undefined): string {
    const trace = passedThrough(parseTraceHeader(given) ?? newTrace(this.#clock.wallMs()), fn);
    if (fn.recursiveLoop !== 'Allow' && passages(trace, fn) > maxPassages)
      throw new CloisterError('RecursiveLoop', 'the function is invoked in a loop', { operation: 'invoke' });
    // With active tracing Lambda has a segment of its own, which is then the parent of what the function does.
    const isActive = fn.tracing === 'Active';
    const parent = isActive ? newSpanId() : (trace.parent ?? newSpanId());
    const sampled = trace.sampled ?? (isActive && this.#samples(fn.accountId) ? '1' : '0');
    return formatTraceHeader({ ...trace, parent, sampled });
  }

  #samples(accountId: string): boolean {
    const second = Math.floor(this.#clock.monotonicMs() / 1_000);
    if (this.#sampledSeconds.get(accountId) === second) return this.#random() < sampledShare;
    this.#sampledSeconds.set(accountId, second);
    return true;
  }
}
