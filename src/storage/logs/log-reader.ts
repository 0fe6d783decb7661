export interface LogEvent {
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly message: string;
  readonly logStream: string;
}

/** Reading side of the function logs, kept per environment as a log stream. */
export interface LogReader {
  /** Events of all streams of a group, oldest first, strictly after `afterSequence` (0: from the start). */
  read(options: { accountId: string; logGroup: string; afterSequence?: number; limit?: number }): Promise<{
    readonly events: readonly LogEvent[];
    readonly nextSequence: number;
  }>;
}
