import type { Clock } from './clock.ts';
import { LogPipe } from './log-pipe.ts';
import type { LogSink } from './log-sink.ts';
import { LogTail } from './log-tail.ts';
import type { PlatformEvent } from './platform-event.ts';
import { platformText } from './platform-text.ts';
import { TokenBudget } from './token-budget.ts';

/** What stdout and stderr of one environment may write together, sustained, and at once. */
const bytesPerSecond = 10 * 1024 * 1024;
const burstBytes = 2 * 1024 * 1024;

/** For so long a REPORT line waits for output over the budget. */
const drainWaitMs = 1_000;

export interface EnvironmentLogOptions {
  readonly sink: LogSink;
  /** Read ends of the environment's pipes; owned from here on. */
  readonly stdout: number;
  readonly stderr: number;
  readonly clock: Clock;
}

/** The log stream of one environment: its two pipes and the platform's own lines, in the order they come. */
export class EnvironmentLog {
  readonly #sink: LogSink;
  readonly #clock: Clock;
  readonly #stdout: LogPipe;
  readonly #stderr: LogPipe;
  #tail: LogTail | undefined;

  constructor(options: EnvironmentLogOptions) {
    this.#sink = options.sink;
    this.#clock = options.clock;
    const budget = new TokenBudget({ tokensPerSecond: bytesPerSecond, burst: burstBytes, clock: options.clock });
    const shared = { budget, clock: options.clock, onLine: (line: Buffer) => this.#line(line), congestion: () => options.sink.congestion() };
    this.#stdout = new LogPipe({ ...shared, descriptor: options.stdout });
    this.#stderr = new LogPipe({ ...shared, descriptor: options.stderr });
  }

  /** Tells an event of the platform's: START, REPORT and the like. */
  event(event: PlatformEvent): void {
    for (const line of platformText(event)) this.platform(line);
  }

  /** Writes a line of the platform's that is no event: why something failed. */
  platform(line: string): void {
    this.#tail?.push(Buffer.from(line));
    this.#sink.append(this.#clock.wallMs(), line);
  }

  /** Keeps the last 4 KiB from here on, until `endTail`. */
  beginTail(): void {
    this.#tail = new LogTail();
  }

  endTail(): Buffer {
    const tail = this.#tail?.toBuffer() ?? Buffer.alloc(0);
    this.#tail = undefined;
    return tail;
  }

  /** Resolves when everything that the environment had written by now is in the log; what is far over the budget comes later. */
  async drain(maxWaitMs = drainWaitMs): Promise<void> {
    await Promise.all([this.#stdout.drain(maxWaitMs), this.#stderr.drain(maxWaitMs)]);
  }

  close(): void {
    this.#stdout.close();
    this.#stderr.close();
    this.#sink.close();
  }

  #line(line: Buffer): void {
    this.#tail?.push(line);
    this.#sink.append(this.#clock.wallMs(), line.toString());
  }
}
