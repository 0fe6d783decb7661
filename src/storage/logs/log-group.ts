import { rm } from 'node:fs/promises';
import type { LogFile } from './log-file.ts';
import { LogGroupFiles, lastTime, type OpenStream } from './log-group-files.ts';
import { type LogGroupRecord, readLogGroupRecord, writeLogGroupRecord } from './log-group-record.ts';
import type { LogRecord } from './log-record.ts';
import { type LogRange, type MergedRecord, mergeLogFiles } from './merge-log-files.ts';

export interface LogLimits {
  /** A stream's file is followed by a new one beyond this: the limits take away whole files. */
  readonly maxFileBytes: number;
  /** All streams of a group together. */
  readonly maxGroupBytes: number;
  /** All groups of an account together. */
  readonly maxAccountBytes: number;
  /** All accounts together. */
  readonly maxHostBytes: number;
}

export interface LogGroupOptions {
  readonly directory: string;
  /** Undefined when only its own record says it. */
  readonly name: string | undefined;
  readonly limits: Pick<LogLimits, 'maxFileBytes' | 'maxGroupBytes'>;
  readonly clock: () => number;
  readonly onProblem: (problem: string, cause: unknown) => void;
  /** Called after every write with what it added to `countedBytes`. */
  readonly onGrowth: (bytes: number) => void;
}

/** An event as it was written, for those who follow the group. */
export interface FollowedEvent extends LogRecord {
  readonly logStream: string;
}

interface PendingEvent {
  readonly stream: OpenStream;
  readonly timestampMs: number;
  readonly message: string;
  readonly ingestionTime?: number;
}

/** Events wait this long for company: one write instead of many. */
const batchDelayMs = 10;
/** Even an empty event takes memory until it is written. */
const eventOverhead = 100;
/** Above this, writers are asked to wait. */
const congestedCharacters = 4 * 1024 * 1024;
const dayMs = 86_400_000;

/** The log streams of one group: files of JSON lines, one sequence over all of them. Everything that changes files goes through one queue. */
export class LogGroup {
  readonly #options: LogGroupOptions;
  readonly #files: LogGroupFiles;
  readonly #followers = new Set<(events: readonly FollowedEvent[]) => void>();
  #record: LogGroupRecord | undefined;
  #nextSequence = 1;
  #loaded: Promise<void> | undefined;
  #openStreams = 0;
  #pending: PendingEvent[] = [];
  #pendingCharacters = 0;
  #toClose = new Set<OpenStream>();
  #timer: NodeJS.Timeout | undefined;
  #queue: Promise<void> = Promise.resolve();
  #congestion: PromiseWithResolvers<void> | undefined;

  constructor(options: LogGroupOptions) {
    this.#options = options;
    this.#files = new LogGroupFiles({ directory: options.directory, maxFileBytes: options.limits.maxFileBytes });
  }

  /** Of its files, as limits count them; right once it was loaded. */
  get countedBytes(): number {
    return this.#files.countedBytes;
  }

  /** Somebody writes or follows. */
  get isInUse(): boolean {
    return this.#openStreams > 0 || this.#followers.size > 0 || this.#pending.length > 0;
  }

  openStream(logStream: string): OpenStream {
    this.#openStreams += 1;
    return { logStream, file: undefined, handle: undefined, isClosed: false };
  }

  append(stream: OpenStream, timestampMs: number, message: string): void {
    this.#pending.push({ stream, timestampMs, message });
    this.#pendingCharacters += message.length + eventOverhead;
    if (stream.isClosed) this.#toClose.add(stream);
    this.#schedule();
  }

  closeStream(stream: OpenStream): void {
    if (!stream.isClosed) this.#openStreams -= 1;
    stream.isClosed = true;
    this.#toClose.add(stream);
    this.#schedule();
  }

  congestion(): Promise<void> | undefined {
    if (this.#pendingCharacters < congestedCharacters) return undefined;
    this.#congestion ??= Promise.withResolvers();
    return this.#congestion.promise;
  }

  /** Resolves when everything appended so far is in the files. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#inTurn(() => this.#writePending());
  }

  /** Writes out what waits and lets go of the files. */
  async close(): Promise<void> {
    await this.flush();
    await this.#inTurn(() => this.#files.leaveAll());
  }

  /** Undefined when there is no such group. */
  async record(): Promise<LogGroupRecord | undefined> {
    await this.#load();
    return this.#record;
  }

  /** False when it is there already. */
  async create(record: LogGroupRecord): Promise<boolean> {
    return await this.#inTurn(async () => {
      await this.#load();
      if (this.#record !== undefined) return false;
      await this.#keep(record);
      return true;
    });
  }

  /** False when there is no such group. */
  async change(change: (record: LogGroupRecord) => LogGroupRecord): Promise<boolean> {
    return await this.#inTurn(async () => {
      await this.#load();
      if (this.#record === undefined) return false;
      await this.#keep(change(this.#record));
      return true;
    });
  }

  /** Removes the group with all its events. A stream that is still written to makes it anew. False when there is no such group. */
  async delete(): Promise<boolean> {
    await this.flush();
    return await this.#inTurn(async () => {
      await this.#load();
      if (this.#record === undefined) return false;
      for (const file of [...this.#files.all]) await this.#files.remove(file);
      await rm(this.#options.directory, { recursive: true, force: true });
      this.#record = undefined;
      return true;
    });
  }

  /** Whether it was made now; undefined when there is no such group. */
  async createStream(logStream: string): Promise<boolean | undefined> {
    return await this.#inTurn(async () => {
      await this.#load();
      if (this.#record === undefined) return undefined;
      if (this.#files.all.some((file) => file.logStream === logStream)) return false;
      await this.#files.createStream(logStream, { now: this.#options.clock(), nextSequence: this.#nextSequence++ });
      await this.#limit();
      return true;
    });
  }

  /** False when there is no such stream. */
  async deleteStream(logStream: string): Promise<boolean> {
    await this.flush();
    return await this.#inTurn(async () => {
      await this.#load();
      const files = this.#files.all.filter((file) => file.logStream === logStream);
      for (const file of files) await this.#files.remove(file);
      return files.length > 0;
    });
  }

  /** Appends at once; throws when the file system does. */
  async put(logStream: string, events: readonly { readonly timestamp: number; readonly message: string }[]): Promise<void> {
    const ingestionTime = this.#options.clock();
    const stream: OpenStream = { logStream, file: undefined, handle: undefined, isClosed: true };
    await this.#inTurn(async () => {
      try {
        await this.#write(events.map(({ timestamp, message }) => ({ stream, timestampMs: timestamp, message, ingestionTime })));
      } finally {
        await this.#files.leave(stream);
      }
    });
  }

  /** The files as they are now, everything appended so far included. */
  async files(): Promise<readonly LogFile[]> {
    await this.flush();
    await this.#load();
    return this.#files.all;
  }

  /** Events in a range, of all streams or some. Those that retention has ended are left out, whether their file is there still or not. */
  async *events(range: LogRange, isWanted: (logStream: string) => boolean = () => true): AsyncGenerator<MergedRecord> {
    const files = (await this.files()).filter(({ logStream }) => isWanted(logStream));
    const endOfLife = this.#expiredBefore();
    const after = range.order === 'time' && range.after.timestamp < endOfLife ? { timestamp: endOfLife, sequence: -1 } : range.after;
    yield* mergeLogFiles(files, { ...range, after });
  }

  /** Tells what is written from now on, after it was written. */
  follow(listener: (events: readonly FollowedEvent[]) => void): Disposable {
    this.#followers.add(listener);
    return { [Symbol.dispose]: () => void this.#followers.delete(listener) };
  }

  /** Removes every file whose last event is older than the group's retention. */
  async expire(): Promise<void> {
    await this.#load();
    const endOfLife = this.#expiredBefore();
    await this.#inTurn(async () => {
      for (const file of this.#files.all.filter((candidate) => lastTime(candidate) < endOfLife)) await this.#files.remove(file);
    });
  }

  /** Removes the file whose last event is the oldest. False when there is none. */
  async removeOldest(): Promise<boolean> {
    return await this.#inTurn(async () => {
      await this.#load();
      const oldest = this.#files.oldest();
      if (oldest !== undefined) await this.#files.remove(oldest);
      return oldest !== undefined;
    });
  }

  /** Looks at what is on the disk, if that was not done. */
  load(): Promise<void> {
    return this.#load();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work);
    this.#queue = done.then(
      () => {},
      () => {},
    );
    return done;
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => void this.flush(), batchDelayMs);
  }

  #load(): Promise<void> {
    this.#loaded ??= this.#readDirectory().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  async #readDirectory(): Promise<void> {
    const { directory, name } = this.#options;
    this.#nextSequence = (await this.#files.load()) + 1;
    this.#record = await readLogGroupRecord(directory);
    const [first] = this.#files.all;
    if (this.#record === undefined && first !== undefined && name !== undefined) this.#record = { name, createdAt: first.createdAt, tags: {} };
  }

  async #keep(record: LogGroupRecord): Promise<void> {
    await writeLogGroupRecord(this.#options.directory, record);
    this.#record = record;
  }

  #expiredBefore(): number {
    const { retentionInDays } = this.#record ?? {};
    return retentionInDays === undefined ? Number.NEGATIVE_INFINITY : this.#options.clock() - retentionInDays * dayMs;
  }

  async #writePending(): Promise<void> {
    const events = this.#pending;
    const toClose = this.#toClose;
    this.#pending = [];
    this.#toClose = new Set();
    try {
      if (events.length > 0) await this.#write(events);
    } catch (error) {
      this.#options.onProblem(`${events.length} log events were lost`, error);
    }
    for (const event of events) this.#pendingCharacters -= event.message.length + eventOverhead;
    if (this.#pendingCharacters < congestedCharacters) {
      this.#congestion?.resolve();
      this.#congestion = undefined;
    }
    for (const stream of toClose) await this.#files.leave(stream);
  }

  async #write(events: readonly PendingEvent[]): Promise<void> {
    const countedBefore = this.#files.countedBytes;
    await this.#load();
    const { clock, name } = this.#options;
    if (this.#record === undefined && name !== undefined) await this.#keep({ name, createdAt: clock(), tags: {} });
    const batches = new Map<OpenStream, LogRecord[]>();
    for (const { stream, timestampMs: timestamp, message, ingestionTime } of events) {
      const record = { sequence: this.#nextSequence++, timestamp, message, ...(ingestionTime === undefined ? {} : { ingestionTime }) };
      const batch = batches.get(stream);
      if (batch === undefined) batches.set(stream, [record]);
      else batch.push(record);
    }
    for (const [stream, records] of batches) {
      await this.#files.append(stream, records, clock());
      for (const follower of this.#followers) follower(records.map((record) => ({ ...record, logStream: stream.logStream })));
    }
    await this.#limit();
    this.#options.onGrowth(this.#files.countedBytes - countedBefore);
  }

  async #limit(): Promise<void> {
    while (this.#files.countedBytes > this.#options.limits.maxGroupBytes && this.#files.all.length > 1) {
      const oldest = this.#files.oldest();
      if (oldest === undefined) return;
      await this.#files.remove(oldest);
    }
  }
}
