/** What the governor must know of a throttle. */
export interface Governed {
  look(nowMs: number, lookMs: number): boolean;
}

export interface BlockGovernorOptions {
  /** Whether any environment may have moved bytes since the last call: one cheap reading for all of them. */
  readonly anyMoved: () => boolean;
  readonly onProblem: (error: unknown) => void;
  /** @default performance.now */
  readonly now?: () => number;
}

/** While bytes move. */
const busyLookMs = 100;
/** Of one that moves nothing. */
const idleLookMs = 1_000;
const busyLooksWithoutMove = 10;

interface Entry {
  readonly throttle: Governed;
  quietLooks: number;
}

/**
 * Looks after all throttles with one timer: ten times a second after those whose environment reads or writes. After the others it looks once a second, and
 * only when something has moved on the host. It looks at none that is paused, and sleeps without any.
 */
export class BlockGovernor {
  readonly #options: BlockGovernorOptions;
  readonly #entries = new Map<Governed, Entry>();
  readonly #paused = new Set<Governed>();
  #timer: NodeJS.Timeout | undefined;
  #timerMs = 0;
  #idleLookAtMs = 0;

  constructor(options: BlockGovernorOptions) {
    this.#options = options;
  }

  /** Looks after a throttle until the disposal. */
  add(throttle: Governed): Disposable {
    this.#watch(throttle);
    return {
      [Symbol.dispose]: () => {
        this.#entries.delete(throttle);
        this.#paused.delete(throttle);
        this.#schedule();
      },
    };
  }

  /** Until `resume` the rates are somebody else's. */
  pause(throttle: Governed): void {
    const entry = this.#entries.get(throttle);
    if (entry === undefined) return;
    this.#look(entry, idleLookMs);
    this.#entries.delete(throttle);
    this.#paused.add(throttle);
    this.#schedule();
  }

  resume(throttle: Governed): void {
    if (!this.#paused.delete(throttle)) return;
    this.#watch(throttle);
    const entry = this.#entries.get(throttle);
    if (entry !== undefined) this.#look(entry, busyLookMs);
  }

  #watch(throttle: Governed): void {
    this.#entries.set(throttle, { throttle, quietLooks: 0 });
    this.#schedule();
  }

  #schedule(): void {
    const wantedMs = this.#entries.size === 0 ? 0 : [...this.#entries.values()].some(isBusy) ? busyLookMs : idleLookMs;
    if (wantedMs === this.#timerMs) return;
    clearInterval(this.#timer);
    this.#timerMs = wantedMs;
    this.#timer = wantedMs === 0 ? undefined : setInterval(() => this.#tick(), wantedMs).unref();
  }

  #tick(): void {
    const nowMs = this.#now();
    const lookAtIdle = nowMs >= this.#idleLookAtMs && this.#options.anyMoved();
    if (nowMs >= this.#idleLookAtMs) this.#idleLookAtMs = nowMs + idleLookMs - busyLookMs / 2;
    for (const entry of [...this.#entries.values()]) if (isBusy(entry) || lookAtIdle) this.#look(entry, isBusy(entry) ? busyLookMs : idleLookMs);
    this.#schedule();
  }

  #look(entry: Entry, lookMs: number): void {
    try {
      const moved = entry.throttle.look(this.#now(), lookMs);
      const wasIdle = !isBusy(entry);
      entry.quietLooks = moved ? 0 : entry.quietLooks + 1;
      // The rates of one kind of look are not those of the other.
      if (wasIdle !== !isBusy(entry)) entry.throttle.look(this.#now(), isBusy(entry) ? busyLookMs : idleLookMs);
    } catch (error) {
      this.#options.onProblem(error);
    }
  }

  #now(): number {
    return (this.#options.now ?? (() => performance.now()))();
  }
}

function isBusy({ quietLooks }: Entry): boolean {
  return quietLooks < busyLooksWithoutMove;
}
