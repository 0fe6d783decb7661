import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogSink, LogStreamName } from '../environment/log-sink.ts';
import { CloisterError } from '../errors.ts';
import { LogGroup, type LogLimits } from './log-group.ts';
import type { LogEvent, LogReader } from './log-reader.ts';

export interface LogStoreOptions {
  readonly directory: string;
  /** @default 5 MiB per file, 2 files per stream, 64 MiB per group */
  readonly limits?: LogLimits;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

const defaultLimits: LogLimits = { maxFileBytes: 5 * 1024 * 1024, maxFilesPerStream: 2, maxGroupBytes: 64 * 1024 * 1024 };
const defaultReadLimit = 1_000;
const maxReadLimit = 10_000;
/** File names end at 255 bytes. */
const maxNameCharacters = 200;

/** The function logs: one directory per account and group, in it one or two files per log stream. Lines are batched and not synced: a crash may lose the last ones. */
export class LogStore implements LogReader {
  readonly #options: LogStoreOptions;
  readonly #groups = new Map<string, LogGroup>();

  constructor(options: LogStoreOptions) {
    this.#options = options;
  }

  openStream(name: LogStreamName): LogSink {
    const group = this.#group(this.#directory(name.accountId, name.logGroup));
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
    const { accountId, logGroup, afterSequence = 0, limit = defaultReadLimit } = options;
    const directory = this.#directory(accountId, logGroup);
    const isKnown = this.#groups.has(directory) || (await stat(directory).catch(() => undefined)) !== undefined;
    if (!isKnown) return { events: [], nextSequence: afterSequence };
    return await this.#group(directory).read(afterSequence, Math.min(Math.max(1, limit), maxReadLimit));
  }

  /** Resolves when everything appended so far is in the files. */
  async flush(): Promise<void> {
    await Promise.all([...this.#groups.values()].map((group) => group.flush()));
  }

  /** Writes out what waits and closes the files. */
  async close(): Promise<void> {
    await Promise.all([...this.#groups.values()].map((group) => group.close()));
  }

  #group(directory: string): LogGroup {
    let group = this.#groups.get(directory);
    if (group === undefined) {
      const { limits = defaultLimits, onProblem } = this.#options;
      group = new LogGroup({ directory, limits, onProblem });
      this.#groups.set(directory, group);
    }
    return group;
  }

  /** SECURITY: a group's name comes from a client; it becomes one path element that cannot be `.` or `..`. */
  #directory(accountId: string, logGroup: string): string {
    if (!/^\d{12}$/.test(accountId)) throw new CloisterError('NotFound', 'not an account id', { operation: 'log group' });
    const encoded = encodeURIComponent(logGroup);
    const digest = createHash('sha256').update(logGroup).digest('hex');
    const name = encoded.length <= maxNameCharacters ? `g-${encoded}` : `h-${digest}`;
    return join(this.#options.directory, accountId, name);
  }
}
