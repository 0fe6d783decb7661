import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { countedBytes, type LogFile, namesIn, newLogFile, scanLogFiles } from './log-file.ts';
import { encodeLogFileHeader, encodeLogRecord, type LogRecord } from './log-record.ts';

/** A log stream that is being written. */
export interface OpenStream {
  readonly logStream: string;
  file: LogFile | undefined;
  handle: FileHandle | undefined;
  isClosed: boolean;
}

/** A file holds about one day at most, so that retention has something to remove. */
const maxFileAgeMs = 86_400_000;

/** The files of one log group: beginning, appending, removing. Not for two callers at once. */
export class LogGroupFiles {
  readonly #directory: string;
  readonly #maxFileBytes: number;
  readonly #writing = new Map<LogFile, OpenStream>();
  #files: LogFile[] = [];
  #countedBytes = 0;

  constructor(options: { readonly directory: string; readonly maxFileBytes: number }) {
    this.#directory = options.directory;
    this.#maxFileBytes = options.maxFileBytes;
  }

  /** In the order in which they were begun. */
  get all(): readonly LogFile[] {
    return this.#files;
  }

  /** What counts against the limits. */
  get countedBytes(): number {
    return this.#countedBytes;
  }

  /** Takes over what is in the directory. Answers the highest sequence in it. */
  async load(): Promise<number> {
    this.#files = await scanLogFiles(this.#directory, await namesIn(this.#directory));
    this.#countedBytes = this.#files.reduce((sum, file) => sum + countedBytes(file), 0);
    return this.#files.reduce((highest, { last }) => Math.max(highest, last?.sequence ?? 0), 0);
  }

  /** Appends records of one stream: they go into a new file where the present one is full, a day old, or newer than they are. */
  async append(stream: OpenStream, records: readonly LogRecord[], now: number): Promise<void> {
    for (let from = 0; from < records.length; ) {
      let to = from + 1;
      while (to < records.length && (records[to]?.timestamp ?? 0) >= (records[to - 1]?.timestamp ?? 0)) to += 1;
      await this.#appendRun(stream, records.slice(from, to), now);
      from = to;
    }
  }

  /** Makes a stream that has no events yet. */
  async createStream(logStream: string, { now, nextSequence }: { readonly now: number; readonly nextSequence: number }): Promise<void> {
    const stream: OpenStream = { logStream, file: undefined, handle: undefined, isClosed: true };
    await this.#begin(stream, nextSequence, now);
    await this.leave(stream);
  }

  /** Lets go of the file; the stream may go on with it later. */
  async leave(stream: OpenStream): Promise<void> {
    const { handle, file } = stream;
    if (file !== undefined) {
      this.#writing.delete(file);
      file.isOpen = false;
    }
    stream.file = undefined;
    stream.handle = undefined;
    await handle?.close();
  }

  async leaveAll(): Promise<void> {
    for (const stream of [...this.#writing.values()]) await this.leave(stream);
  }

  /** Removes a file, one that is being written too: its blocks are free at once, and its stream begins a new one. */
  async remove(file: LogFile): Promise<void> {
    if (file.isRemoved) return;
    this.#files = this.#files.filter((candidate) => candidate !== file);
    this.#countedBytes -= countedBytes(file);
    file.isRemoved = true;
    const writer = this.#writing.get(file);
    if (writer !== undefined) await this.leave(writer);
    await rm(file.path, { force: true });
  }

  /** The one whose last event is the oldest; a stream's last file only when all are. */
  oldest(): LogFile | undefined {
    let oldest: LogFile | undefined;
    for (const file of this.#files) if (oldest === undefined || lastTime(file) < lastTime(oldest)) oldest = file;
    return oldest;
  }

  async #appendRun(stream: OpenStream, records: readonly LogRecord[], now: number): Promise<void> {
    const [first] = records;
    const last = records.at(-1);
    if (first === undefined || last === undefined) return;
    if (stream.file !== undefined && !this.#fits(stream.file, first)) await this.leave(stream);
    const bytes = Buffer.from(records.map(encodeLogRecord).join(''));
    try {
      const { file, handle } = await this.#current(stream, first, now);
      await handle.appendFile(bytes);
      this.#grow(file, bytes.length);
      file.first ??= first;
      file.last = last;
      file.lastIngestionTime = last.ingestionTime ?? last.timestamp;
    } catch (error) {
      // Half a record may stand at the end of the file now: what follows goes into a new one.
      if (stream.file !== undefined) stream.file.isWhole = false;
      await this.leave(stream);
      throw error;
    }
  }

  #fits(file: LogFile, next: LogRecord): boolean {
    if (file.isRemoved || !file.isWhole || file.sizeBytes >= this.#maxFileBytes) return false;
    if (file.first === undefined || file.last === undefined) return true;
    return next.timestamp >= file.last.timestamp && next.timestamp - file.first.timestamp < maxFileAgeMs;
  }

  async #current(stream: OpenStream, next: LogRecord, now: number): Promise<{ file: LogFile; handle: FileHandle }> {
    if (stream.file !== undefined && stream.handle !== undefined) return { file: stream.file, handle: stream.handle };
    const latest = this.#files.findLast(({ logStream }) => logStream === stream.logStream);
    if (latest === undefined || latest.isOpen || !this.#fits(latest, next)) return await this.#begin(stream, next.sequence, now);
    return this.#take(stream, latest, await open(latest.path, 'a', 0o600));
  }

  async #begin(stream: OpenStream, firstSequence: number, now: number): Promise<{ file: LogFile; handle: FileHandle }> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const { logStream } = stream;
    const createdAt = this.#files.find((file) => file.logStream === logStream)?.createdAt ?? now;
    const file = newLogFile(this.#directory, { logStream, createdAt, firstSequence });
    const handle = await open(file.path, 'ax', 0o600);
    const header = Buffer.from(encodeLogFileHeader({ logStream, createdAt }));
    this.#files.push(file);
    this.#countedBytes += countedBytes(file);
    this.#take(stream, file, handle);
    await handle.appendFile(header);
    this.#grow(file, header.length);
    return { file, handle };
  }

  #take(stream: OpenStream, file: LogFile, handle: FileHandle): { file: LogFile; handle: FileHandle } {
    stream.file = file;
    stream.handle = handle;
    file.isOpen = true;
    this.#writing.set(file, stream);
    return { file, handle };
  }

  #grow(file: LogFile, bytes: number): void {
    this.#countedBytes -= countedBytes(file);
    file.sizeBytes += bytes;
    this.#countedBytes += countedBytes(file);
  }
}

/** When the file was last written to, by what is in it. */
export const lastTime = ({ last, lastIngestionTime, createdAt }: LogFile): number =>
  last === undefined ? createdAt : Math.max(last.timestamp, lastIngestionTime);
