import { type FileHandle, mkdir, open, readFile, rm } from 'node:fs/promises';
import { type LogFile, newLogFile, scanLogFiles } from './log-file.ts';
import type { LogEvent } from './log-reader.ts';
import { decodeLogRecords, encodeLogRecord, type LogRecord } from './log-record.ts';

export interface LogLimits {
  /** A stream's file is followed by a new one beyond this. */
  readonly maxFileBytes: number;
  readonly maxFilesPerStream: number;
  /** All streams of a group together. */
  readonly maxGroupBytes: number;
}

export interface LogGroupOptions {
  readonly directory: string;
  readonly limits: LogLimits;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

/** A log stream that is being written. */
export interface OpenStream {
  readonly logStream: string;
  file: LogFile | undefined;
  handle: FileHandle | undefined;
  isClosed: boolean;
}

interface PendingEvent {
  readonly stream: OpenStream;
  readonly timestampMs: number;
  readonly message: string;
}

/** Events wait this long for company: one write instead of many. */
const batchDelayMs = 10;
/** Even an empty event takes memory until it is written. */
const eventOverhead = 100;
/** Above this, writers are asked to wait. */
const congestedCharacters = 4 * 1024 * 1024;
/** One answer of `read` holds at most about this much text. */
const maxReadCharacters = 4 * 1024 * 1024;

/** The log streams of one group: files of JSON lines, one sequence over all of them. */
export class LogGroup {
  readonly #options: LogGroupOptions;
  #files: LogFile[] = [];
  #nextSequence = 1;
  #loaded: Promise<void> | undefined;
  #pending: PendingEvent[] = [];
  #pendingCharacters = 0;
  #toClose = new Set<OpenStream>();
  readonly #writing = new Set<OpenStream>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #congestion: PromiseWithResolvers<void> | undefined;

  constructor(options: LogGroupOptions) {
    this.#options = options;
  }

  openStream(logStream: string): OpenStream {
    return { logStream, file: undefined, handle: undefined, isClosed: false };
  }

  append(stream: OpenStream, timestampMs: number, message: string): void {
    this.#pending.push({ stream, timestampMs, message });
    this.#pendingCharacters += message.length + eventOverhead;
    if (stream.isClosed) this.#toClose.add(stream);
    this.#schedule();
  }

  closeStream(stream: OpenStream): void {
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
    this.#flushing = this.#flushing.then(() => this.#writePending());
    return this.#flushing;
  }

  /** Writes out what waits and lets go of the files. A stream that goes on begins a new one. */
  async close(): Promise<void> {
    await this.flush();
    for (const stream of this.#writing) await this.#leave(stream);
  }

  async read(afterSequence: number, limit: number): Promise<{ events: LogEvent[]; nextSequence: number }> {
    await this.flush();
    await this.#load();
    const found: (LogRecord & { logStream: string })[] = [];
    const files = this.#files.filter((file) => file.lastSequence > afterSequence).sort((one, other) => one.firstSequence - other.firstSequence);
    for (const file of files) {
      const last = found[limit - 1];
      if (last !== undefined && file.firstSequence > last.sequence) break;
      let taken = 0;
      for (const record of decodeLogRecords(await readIfThere(file.path), afterSequence)) {
        found.push({ ...record, logStream: file.logStream });
        taken += 1;
        if (taken === limit) break;
      }
      found.sort((one, other) => one.sequence - other.sequence);
      found.length = Math.min(found.length, limit);
    }
    return page(found, afterSequence);
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => void this.flush(), batchDelayMs);
  }

  #load(): Promise<void> {
    this.#loaded ??= scanLogFiles(this.#options.directory).then(
      (files) => {
        this.#files = files;
        for (const file of files) this.#nextSequence = Math.max(this.#nextSequence, file.lastSequence + 1);
      },
      (error: unknown) => {
        this.#loaded = undefined;
        throw error;
      },
    );
    return this.#loaded;
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
    for (const stream of toClose) await this.#leave(stream);
  }

  async #write(events: readonly PendingEvent[]): Promise<void> {
    await this.#load();
    const batches = new Map<OpenStream, { text: string; first: number; last: number }>();
    for (const { stream, timestampMs, message } of events) {
      const sequence = this.#nextSequence++;
      const line = encodeLogRecord({ sequence, timestamp: timestampMs, message });
      const batch = batches.get(stream);
      if (batch === undefined) batches.set(stream, { text: line, first: sequence, last: sequence });
      else {
        batch.text += line;
        batch.last = sequence;
      }
    }
    for (const [stream, batch] of batches) await this.#writeBatch(stream, batch);
    await this.#limitGroup();
  }

  async #writeBatch(stream: OpenStream, batch: { readonly text: string; readonly first: number; readonly last: number }): Promise<void> {
    if (stream.file !== undefined && stream.file.sizeBytes >= this.#options.limits.maxFileBytes) await this.#leave(stream);
    const bytes = Buffer.from(batch.text);
    try {
      const { file, handle } = await this.#current(stream, batch.first);
      await handle.appendFile(bytes);
      file.sizeBytes += bytes.length;
      file.lastSequence = batch.last;
    } catch (error) {
      // Half a record may stand at the end of the file now: what follows goes into a new one.
      await this.#leave(stream);
      throw error;
    }
  }

  async #current(stream: OpenStream, firstSequence: number): Promise<{ file: LogFile; handle: FileHandle }> {
    if (stream.file !== undefined && stream.handle !== undefined) return { file: stream.file, handle: stream.handle };
    const { directory, limits } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const file = newLogFile(directory, stream.logStream, firstSequence);
    const handle = await open(file.path, 'ax', 0o600);
    stream.file = file;
    stream.handle = handle;
    this.#writing.add(stream);
    this.#files.push(file);
    const older = this.#files.filter((candidate) => candidate.logStream === stream.logStream);
    for (const surplus of older.slice(0, Math.max(0, older.length - limits.maxFilesPerStream))) await this.#remove(surplus);
    return { file, handle };
  }

  async #leave(stream: OpenStream): Promise<void> {
    const { handle } = stream;
    stream.file = undefined;
    stream.handle = undefined;
    this.#writing.delete(stream);
    await handle?.close();
  }

  /** Removes the files whose last event is the oldest. One that is being written goes too, and its stream begins a new file. */
  async #limitGroup(): Promise<void> {
    let sizeBytes = this.#files.reduce((sum, file) => sum + file.sizeBytes, 0);
    if (sizeBytes <= this.#options.limits.maxGroupBytes) return;
    for (const file of [...this.#files].sort((one, other) => one.lastSequence - other.lastSequence)) {
      if (sizeBytes <= this.#options.limits.maxGroupBytes || this.#files.length === 1) return;
      sizeBytes -= file.sizeBytes;
      await this.#remove(file);
    }
  }

  async #remove(file: LogFile): Promise<void> {
    this.#files = this.#files.filter((candidate) => candidate !== file);
    // A stream that still writes to it must not go on into a file without a name.
    file.sizeBytes = Number.POSITIVE_INFINITY;
    await rm(file.path, { force: true });
  }
}

function page(found: readonly (LogRecord & { readonly logStream: string })[], afterSequence: number): { events: LogEvent[]; nextSequence: number } {
  const events: LogEvent[] = [];
  let characters = 0;
  let nextSequence = afterSequence;
  for (const { sequence, timestamp, message, logStream } of found) {
    characters += message.length;
    if (events.length > 0 && characters > maxReadCharacters) break;
    events.push({ timestamp, message, logStream });
    nextSequence = sequence;
  }
  return { events, nextSequence };
}

/** A file may be rotated away while it is about to be read. */
async function readIfThere(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
