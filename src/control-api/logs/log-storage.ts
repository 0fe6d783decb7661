/** A log group of one account. */
export interface LogGroupKey {
  readonly accountId: string;
  readonly logGroup: string;
}

export interface StoredLogGroup {
  readonly name: string;
  /** Milliseconds since the epoch, as all times here. */
  readonly createdAt: number;
  /** Undefined: for ever. */
  readonly retentionInDays?: number;
  readonly tags: Readonly<Record<string, string>>;
}

export interface StoredLogStream {
  readonly name: string;
  readonly createdAt: number;
  readonly firstTimestamp?: number;
  readonly lastTimestamp?: number;
  readonly lastIngestionTime?: number;
}

export interface StoredLogEvent {
  /** Unlike that of any other event of the group; grows with the order of writing. */
  readonly sequence: number;
  readonly timestamp: number;
  readonly ingestionTime: number;
  readonly message: string;
  readonly logStream: string;
}

/** A place between events, which are in the order of time, those of one millisecond in the order of sequence. */
export interface EventPosition {
  readonly timestamp: number;
  readonly sequence: number;
}

export interface EventQuery extends LogGroupKey {
  readonly direction: 'forward' | 'backward';
  /** Both exclusive. */
  readonly after: EventPosition;
  readonly before: EventPosition;
  readonly isWanted: (logStream: string) => boolean;
}

/** An event, and how many bytes were read from the disk for it. */
export interface ScannedLogEvent extends StoredLogEvent {
  readonly readBytes: number;
}

/** What the API of CloudWatch Logs needs of the log files. */
export interface LogStorage {
  /** In the order of their names. */
  listGroups(accountId: string): Promise<readonly StoredLogGroup[]>;
  findGroup(key: LogGroupKey): Promise<StoredLogGroup | undefined>;
  /** What its files take. */
  storedBytes(key: LogGroupKey): Promise<number>;
  /** False when it is there already. */
  createGroup(key: LogGroupKey, options: { readonly tags: Readonly<Record<string, string>> }): Promise<boolean>;
  /** With all its events. False when there is none. */
  deleteGroup(key: LogGroupKey): Promise<boolean>;
  /** False when there is none. */
  changeGroup(key: LogGroupKey, change: (group: StoredLogGroup) => StoredLogGroup): Promise<boolean>;
  /** In no particular order; undefined when there is no such group. */
  listStreams(key: LogGroupKey): Promise<readonly StoredLogStream[] | undefined>;
  /** False when it is there already; undefined when there is no such group. */
  createStream(key: LogGroupKey, logStream: string): Promise<boolean | undefined>;
  /** With its events. False when there is none. */
  deleteStream(key: LogGroupKey, logStream: string): Promise<boolean>;
  /** Resolves when the events are in the stream's file. */
  putEvents(key: LogGroupKey, logStream: string, events: readonly { readonly timestamp: number; readonly message: string }[]): Promise<void>;
  /** Read as they are asked for; nothing of a group that is not there. */
  events(query: EventQuery): AsyncIterable<ScannedLogEvent>;
  /** Tells of everything written to the group from now on, whether it is there already or not. */
  follow(key: LogGroupKey, listener: (events: readonly StoredLogEvent[]) => void): Disposable;
}
