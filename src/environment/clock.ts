export interface ScheduledTask {
  cancel(): void;
}

/** Time as the environment life cycle and the invoke path know it. */
export interface Clock {
  /** Milliseconds, with fractions, that only grow: for durations. */
  monotonicMs(): number;
  /** Milliseconds since the epoch. */
  wallMs(): number;
  /** Runs the task when `delayMs` have passed, never earlier. */
  schedule(delayMs: number, task: () => void): ScheduledTask;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule(delayMs, task) {
    // Node counts from the whole millisecond before: without one more a task could come early, by up to a millisecond.
    const timer = setTimeout(task, delayMs + 1);
    return { cancel: () => clearTimeout(timer) };
  },
};
