import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  EventQuery,
  LogGroupKey,
  LogStorage,
  ScannedLogEvent,
  StoredLogEvent,
  StoredLogGroup,
  StoredLogStream,
} from '../../control-api/logs/log-storage.ts';
import type { LogSink, LogStreamName } from '../../environment/log/log-sink.ts';
import { CloisterError } from '../../errors.ts';
import { namesIn } from './log-file.ts';
import { LogGroup, type LogLimits } from './log-group.ts';
import type { LogEvent, LogReader } from './log-reader.ts';
import { LogSpace } from './log-space.ts';
import { afterAll } from './merge-log-files.ts';
import { streamsOfFiles } from './streams-of-files.ts';

export interface LogStoreOptions {
  readonly directory: string;
  /** @default 8 MiB per file, 64 MiB per group, 512 MiB per account, 4 GiB in all */
  readonly limits?: LogLimits;
  /** Milliseconds since the epoch. @default Date.now */
  readonly clock?: () => number;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

const mebibyte = 1024 * 1024;
const defaultLimits: LogLimits = {
  maxFileBytes: 8 * mebibyte,
  maxGroupBytes: 64 * mebibyte,
  maxAccountBytes: 512 * mebibyte,
  maxHostBytes: 4_096 * mebibyte,
};
const defaultReadLimit = 1_000;
const maxReadLimit = 10_000;
/** One answer of `read` holds at most about this much text. */
const maxReadCharacters = 4 * 1024 * 1024;
/** File names end at 255 bytes. */
const maxNameCharacters = 200;
const sweepIntervalMs = 600_000;

/** The function logs: one directory per account and group, in it the files of its log streams. Lines are batched and not synced: a crash may lose the last ones. */
export class LogStore implements LogReader, LogStorage {
  readonly #options: LogStoreOptions;
  readonly #clock: () => number;
  readonly #limits: LogLimits;
  /** By account, then by directory name. */
  readonly #accounts = new Map<string, Map<string, LogGroup>>();
  readonly #listed = new Map<string, Promise<void>>();
  readonly #space: LogSpace;
  #sweeping: NodeJS.Timeout | undefined;

  constructor(options: LogStoreOptions) {
    const { limits = defaultLimits, clock = Date.now } = options;
    this.#options = options;
    this.#clock = clock;
    this.#limits = limits;
    this.#space = new LogSpace({ limits, groups: this.#accounts, onProblem: options.onProblem });
  }

  /** Looks at everything that is there, so that the limits hold for it too, and from then on removes what retention has ended. */
  async start(): Promise<void> {
    for (const accountId of await namesIn(this.#options.directory)) {
      if (!isAccountId(accountId)) continue;
      await this.#list(accountId);
      for (const group of this.#groupsOf(accountId).values()) await group.load();
    }
    await this.expire();
    this.#space.enforce();
    this.#sweeping = setInterval(() => {
      this.expire().catch((cause: unknown) => this.#options.onProblem('expired log files could not be removed', cause));
    }, sweepIntervalMs).unref();
  }

  /** Removes what retention has ended. */
  async expire(): Promise<void> {
    for (const groups of this.#accounts.values()) for (const group of groups.values()) await group.expire();
  }

  openStream(name: LogStreamName): LogSink {
    const group = this.#findOrMake(name);
    const stream = group.openStream(name.logStream);
    return {
      append: (timestampMs, message) => group.append(stream, timestampMs, message),
      congestion: () => group.congestion(),
      close: () => group.closeStream(stream),
    };
  }

  async read(options: { readonly accountId: string; readonly logGroup: string; readonly afterSequence?: number; readonly limit?: number }): Promise<{
    readonly events: readonly LogEvent[];
    readonly nextSequence: number;
  }> {
    const { afterSequence = 0, limit = defaultReadLimit } = options;
    const wanted = Math.min(Math.max(1, limit), maxReadLimit);
    const events: LogEvent[] = [];
    let nextSequence = afterSequence;
    let characters = 0;
    const group = await this.#find(options);
    if (group === undefined) return { events, nextSequence };
    const after = { timestamp: 0, sequence: afterSequence };
    for await (const { record, logStream } of group.events({ direction: 'forward', order: 'sequence', after, before: afterAll })) {
      const { sequence, timestamp, message } = record;
      characters += message.length;
      if (events.length > 0 && characters > maxReadCharacters) break;
      events.push({ timestamp, message, logStream });
      nextSequence = sequence;
      if (events.length >= wanted) break;
    }
    return { events, nextSequence };
  }

  async listGroups(accountId: string): Promise<readonly StoredLogGroup[]> {
    await this.#list(accountId);
    const records = await Promise.all([...this.#groupsOf(accountId).values()].map((group) => group.record()));
    return records.filter((record) => record !== undefined).sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  async findGroup(key: LogGroupKey): Promise<StoredLogGroup | undefined> {
    return await (await this.#find(key))?.record();
  }

  async storedBytes(key: LogGroupKey): Promise<number> {
    const files = (await (await this.#find(key))?.files()) ?? [];
    return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  async createGroup(key: LogGroupKey, { tags }: { readonly tags: Readonly<Record<string, string>> }): Promise<boolean> {
    await this.#list(key.accountId);
    return await this.#findOrMake(key).create({ name: key.logGroup, createdAt: this.#clock(), tags });
  }

  async deleteGroup(key: LogGroupKey): Promise<boolean> {
    const group = await this.#find(key);
    if (group === undefined) return false;
    const wasThere = await group.delete();
    if (!group.isInUse && (await group.record()) === undefined) this.#groupsOf(key.accountId).delete(directoryName(key.logGroup));
    return wasThere;
  }

  async changeGroup(key: LogGroupKey, change: (group: StoredLogGroup) => StoredLogGroup): Promise<boolean> {
    const group = await this.#find(key);
    const isThere = group !== undefined && (await group.change(change));
    if (isThere) await group.expire();
    return isThere;
  }

  async listStreams(key: LogGroupKey): Promise<readonly StoredLogStream[] | undefined> {
    const group = await this.#find(key);
    if (group === undefined || (await group.record()) === undefined) return undefined;
    return streamsOfFiles(await group.files());
  }

  async createStream(key: LogGroupKey, logStream: string): Promise<boolean | undefined> {
    const made = await (await this.#find(key))?.createStream(logStream);
    if (made === true) this.#space.enforce();
    return made;
  }

  async deleteStream(key: LogGroupKey, logStream: string): Promise<boolean> {
    return (await (await this.#find(key))?.deleteStream(logStream)) ?? false;
  }

  async putEvents(key: LogGroupKey, logStream: string, events: readonly { readonly timestamp: number; readonly message: string }[]): Promise<void> {
    await this.#findOrMake(key).put(logStream, events);
  }

  async *events(query: EventQuery): AsyncGenerator<ScannedLogEvent> {
    const { direction, after, before, isWanted } = query;
    const group = await this.#find(query);
    if (group === undefined) return;
    for await (const { record, logStream, readBytes } of group.events({ direction, order: 'time', after, before }, isWanted)) {
      yield { ...record, ingestionTime: record.ingestionTime ?? record.timestamp, logStream, readBytes };
    }
  }

  follow(key: LogGroupKey, listener: (events: readonly StoredLogEvent[]) => void): Disposable {
    return this.#findOrMake(key).follow((events) =>
      listener(events.map((event) => ({ ...event, ingestionTime: event.ingestionTime ?? event.timestamp }))),
    );
  }

  /** Resolves when everything appended so far is in the files, and within the limits. */
  async flush(): Promise<void> {
    await Promise.all(this.#allGroups().map((group) => group.flush()));
    await this.#space.settled();
  }

  /** Writes out what waits and closes the files. */
  async close(): Promise<void> {
    clearInterval(this.#sweeping);
    await Promise.all(this.#allGroups().map((group) => group.close()));
    await this.#space.settled();
  }

  #allGroups(): LogGroup[] {
    return [...this.#accounts.values()].flatMap((groups) => [...groups.values()]);
  }

  #groupsOf(accountId: string): Map<string, LogGroup> {
    if (!isAccountId(accountId)) throw new CloisterError('NotFound', 'not an account id', { operation: 'log group' });
    let groups = this.#accounts.get(accountId);
    if (groups === undefined) {
      groups = new Map();
      this.#accounts.set(accountId, groups);
    }
    return groups;
  }

  /** Knows an account's groups by its directory, once. */
  #list(accountId: string): Promise<void> {
    let listed = this.#listed.get(accountId);
    if (listed === undefined) {
      listed = this.#readAccount(accountId).catch((error: unknown) => {
        this.#listed.delete(accountId);
        throw error;
      });
      this.#listed.set(accountId, listed);
    }
    return listed;
  }

  async #readAccount(accountId: string): Promise<void> {
    const groups = this.#groupsOf(accountId);
    for (const name of await directoriesIn(join(this.#options.directory, accountId))) {
      const plain = name.startsWith('g-') ? decodeURIComponent(name.slice(2)) : undefined;
      if (!groups.has(name) && /^[gh]-/.test(name)) groups.set(name, this.#make(accountId, { directory: name, name: plain }));
    }
  }

  async #find({ accountId, logGroup }: LogGroupKey): Promise<LogGroup | undefined> {
    await this.#list(accountId);
    return this.#groupsOf(accountId).get(directoryName(logGroup));
  }

  #findOrMake({ accountId, logGroup }: LogGroupKey): LogGroup {
    const groups = this.#groupsOf(accountId);
    const directory = directoryName(logGroup);
    let group = groups.get(directory);
    if (group === undefined) {
      group = this.#make(accountId, { directory, name: logGroup });
      groups.set(directory, group);
    }
    return group;
  }

  #make(accountId: string, { directory, name }: { readonly directory: string; readonly name: string | undefined }): LogGroup {
    return new LogGroup({
      directory: join(this.#options.directory, accountId, directory),
      name,
      limits: this.#limits,
      clock: this.#clock,
      onProblem: this.#options.onProblem,
      onGrowth: (bytes) => this.#space.grown(bytes),
    });
  }
}

const isAccountId = (text: string): boolean => /^\d{12}$/.test(text);

/** SECURITY: a group's name comes from a client; it becomes one path element that cannot be `.` or `..`. */
function directoryName(logGroup: string): string {
  const encoded = encodeURIComponent(logGroup.toWellFormed());
  return encoded.length <= maxNameCharacters ? `g-${encoded}` : `h-${createHash('sha256').update(logGroup).digest('hex')}`;
}

async function directoriesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
