import { Socket } from 'node:net';
import type { Clock, ScheduledTask } from '../clock.ts';
import type { TokenBudget } from '../token-budget.ts';
import { LineSplitter } from './line-splitter.ts';

/** A pipe holds at most this much without privilege (fs.pipe-max-size). */
const maxPipeBytes = 1024 * 1024;

/** What a line costs beyond its bytes: without it, empty lines would be a way to keep the daemon busy. 20,000 lines a second cost it 4 % of its time. */
const lineCostBytes = 512;

/** All pipes read into this one buffer: what it holds is taken before the next read. SECURITY: it is small, since 64 KiB of empty lines at once hold everybody up. */
const sharedBuffer = Buffer.allocUnsafeSlow(4 * 1024);

export interface LogPipeOptions {
  /** Read end of a pipe; owned from here on. */
  readonly descriptor: number;
  readonly budget: TokenBudget;
  readonly clock: Clock;
  /** Gets one line, with its line feed if it had one; the buffer is used again afterwards. Returns what it cost beyond its bytes, as if it had more of them. */
  readonly onLine: (line: Buffer) => number;
  /** Undefined while the log store takes more. */
  readonly congestion: () => Promise<void> | undefined;
}

/** Reads an environment's stdout or stderr as fast as its byte budget and the log store allow; beyond that its writer waits. */
export class LogPipe {
  readonly #options: LogPipeOptions;
  readonly #socket: Socket;
  readonly #splitter: LineSplitter;
  #takenBytes = 0;
  #extraBytes = 0;
  /** Resolves when reading goes on, or never will; undefined while it does. */
  #pause: PromiseWithResolvers<void> | undefined;
  #resume: ScheduledTask | undefined;
  #isClosed = false;

  constructor(options: LogPipeOptions) {
    this.#options = options;
    this.#splitter = new LineSplitter((line) => {
      this.#extraBytes += lineCostBytes + options.onLine(line);
    });
    this.#socket = new Socket({
      fd: options.descriptor,
      readable: true,
      writable: false,
      onread: { buffer: sharedBuffer, callback: (bytes) => this.#take(sharedBuffer.subarray(0, bytes)) },
    });
    this.#socket.on('error', () => this.close());
    this.#socket.on('end', () => this.#splitter.flush());
    this.#socket.resume();
  }

  /** Takes what is in the pipe at this moment. Over the budget that needs time: after `maxWaitMs` the rest is left to come later. */
  async drain(maxWaitMs: number): Promise<void> {
    const enoughBytes = this.#takenBytes + maxPipeBytes;
    let isTimeUp = false;
    let limit: ScheduledTask | undefined;
    const timeUp = Promise.withResolvers<void>();
    for (;;) {
      // One turn of the event loop ends the poll in progress, the next one polls again: an unpaused pipe out of which nothing came then is empty.
      const takenBytes = this.#takenBytes;
      await eventLoopTurn();
      await eventLoopTurn();
      if (isTimeUp || this.#takenBytes >= enoughBytes) break;
      if (this.#pause === undefined && this.#takenBytes === takenBytes) break;
      if (this.#pause === undefined) continue;
      limit ??= this.#options.clock.schedule(maxWaitMs, () => {
        isTimeUp = true;
        timeUp.resolve();
      });
      await Promise.race([this.#pause.promise, timeUp.promise]);
    }
    limit?.cancel();
    this.#splitter.flush();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#resume?.cancel();
    this.#goOn();
    this.#splitter.flush();
    this.#socket.destroy();
  }

  /** False stops the reading. */
  #take(chunk: Buffer): boolean {
    this.#takenBytes += chunk.length;
    this.#extraBytes = 0;
    this.#splitter.push(chunk);
    const waitMs = this.#options.budget.spend(chunk.length + this.#extraBytes);
    const congestion = this.#options.congestion();
    if (waitMs === 0 && congestion === undefined) return true;
    this.#pause = Promise.withResolvers();
    void this.#resumeAfter(waitMs, congestion);
    return false;
  }

  async #resumeAfter(waitMs: number, congestion: Promise<void> | undefined): Promise<void> {
    await congestion;
    if (this.#isClosed) return;
    this.#resume = this.#options.clock.schedule(waitMs, () => {
      this.#goOn();
      this.#socket.resume();
    });
  }

  #goOn(): void {
    this.#pause?.resolve();
    this.#pause = undefined;
  }
}

function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
