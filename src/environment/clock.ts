export interface ScheduledTask {
  cancel(): void;
}

/** Time as the environment life cycle and the invoke path know it. */
export interface Clock {
  /** Milliseconds, with fractions, that only grow: for durations. */
  monotonicMs(): number;
  /** Milliseconds since the epoch. */
  wallMs(): number;
  schedule(delayMs: number, task: () => void): ScheduledTask;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};
