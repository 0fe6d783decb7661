export interface LogStreamName {
  readonly accountId: string;
  readonly logGroup: string;
  readonly logStream: string;
}

/** Where one environment's log stream is written. */
export interface LogSink {
  /** Never blocks and never throws. `message` is one event. */
  append(timestampMs: number, message: string): void;
  /** Undefined when more may be appended now; else resolves once it may be. */
  congestion(): Promise<void> | undefined;
  close(): void;
}
