import { isLogged, type JsonLogging } from '../../functions/json-logging.ts';
import type { Clock } from '../clock.ts';
import type { TelemetryRelay } from '../telemetry/telemetry-relay.ts';
import { TokenBudget } from '../token-budget.ts';
import { applicationLevelOf, jsonObjectOf, systemLevelOf } from './log-levels.ts';
import { LogPipe } from './log-pipe.ts';
import type { LogSink } from './log-sink.ts';
import { LogTail } from './log-tail.ts';
import type { PlatformEvent } from './platform-event.ts';
import { platformJson } from './platform-json.ts';
import { platformText } from './platform-text.ts';

/** What all pipes of one environment may write together, sustained, and at once. */
const bytesPerSecond = 10 * 1024 * 1024;
const burstBytes = 2 * 1024 * 1024;

/** For so long a REPORT line waits for output over the budget. */
const drainWaitMs = 1_000;

/** SECURITY: reading a line as JSON takes up to 45 ns a byte. Charged for, it is at most 7 % of the daemon's time; a longer line would hold everybody up. */
const jsonCostPerByte = 5;
const maxJsonBytes = 64 * 1024;

export interface EnvironmentLogOptions {
  readonly sink: LogSink;
  /** Read ends of the environment's pipes; owned from here on. */
  readonly stdout: number;
  readonly stderr: number;
  readonly extensionOutput: number;
  readonly clock: Clock;
  readonly telemetry: Pick<TelemetryRelay, 'event' | 'line' | 'wants'>;
  /** Absent: the log is text. */
  readonly json?: JsonLogging;
}

/** The log stream of one environment: its pipes and what the platform tells, in the order they come. All of it is offered to telemetry. */
export class EnvironmentLog {
  readonly #sink: LogSink;
  readonly #clock: Clock;
  readonly #telemetry: EnvironmentLogOptions['telemetry'];
  readonly #json: JsonLogging | undefined;
  readonly #pipes: readonly LogPipe[];
  #tail: LogTail | undefined;

  constructor(options: EnvironmentLogOptions) {
    this.#sink = options.sink;
    this.#clock = options.clock;
    this.#telemetry = options.telemetry;
    this.#json = options.json;
    const budget = new TokenBudget({ tokensPerSecond: bytesPerSecond, burst: burstBytes, clock: options.clock });
    const shared = { budget, clock: options.clock, congestion: () => options.sink.congestion() };
    const onLine = (line: Buffer) => this.#functionLine(line);
    this.#pipes = [
      new LogPipe({ ...shared, onLine, descriptor: options.stdout }),
      new LogPipe({ ...shared, onLine, descriptor: options.stderr }),
      new LogPipe({ ...shared, onLine: (line) => this.#extensionLine(line), descriptor: options.extensionOutput }),
    ];
  }

  /** Tells what the platform does. Whether and how it is written is a matter of the function's log format; telemetry gets all of it. */
  event(event: PlatformEvent): void {
    const timeMs = this.#clock.wallMs();
    this.#telemetry.event(event, timeMs);
    if (this.#json === undefined) for (const line of platformText(event)) this.#write(Buffer.from(line), line, timeMs);
    else if (isLogged(systemLevelOf(event), this.#json.systemLevel)) this.#writeLine(platformJson(event, timeMs), timeMs);
  }

  /** Writes a line of the platform's that is no event: why something failed. */
  platform(line: string): void {
    const timeMs = this.#clock.wallMs();
    if (this.#json === undefined) this.#write(Buffer.from(line), line, timeMs);
    else this.#writeLine(JSON.stringify({ timestamp: new Date(timeMs).toISOString(), level: 'ERROR', message: line.trimEnd() }), timeMs);
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
    await Promise.all(this.#pipes.map((pipe) => pipe.drain(maxWaitMs)));
  }

  close(): void {
    for (const pipe of this.#pipes) pipe.close();
    this.#sink.close();
  }

  /** Takes a line of the function's; returns what it cost beyond its bytes. */
  #functionLine(line: Buffer): number {
    const timeMs = this.#clock.wallMs();
    const text = line.toString();
    const isRead = this.#json !== undefined && text.startsWith('{') && line.length <= maxJsonBytes;
    const object = isRead ? jsonObjectOf(text) : undefined;
    if (this.#telemetry.wants('function')) this.#telemetry.line('function', object === undefined ? jsonString(text) : text.trim(), timeMs);
    // What is no object has no level: it is always written.
    const isWritten = this.#json === undefined || object === undefined || isLogged(applicationLevelOf(object), this.#json.applicationLevel);
    if (isWritten) this.#write(line, text, timeMs);
    return isRead ? line.length * jsonCostPerByte : 0;
  }

  /** Extensions have no log levels and no format. */
  #extensionLine(line: Buffer): number {
    const timeMs = this.#clock.wallMs();
    const text = line.toString();
    if (this.#telemetry.wants('extension')) this.#telemetry.line('extension', jsonString(text), timeMs);
    this.#write(line, text, timeMs);
    return 0;
  }

  #writeLine(text: string, timeMs: number): void {
    const line = `${text}\n`;
    this.#write(Buffer.from(line), line, timeMs);
  }

  #write(line: Buffer, text: string, timeMs: number): void {
    this.#tail?.push(line);
    this.#sink.append(timeMs, text);
  }
}

/** A line as a JSON string, without its line feed. */
function jsonString(text: string): string {
  return JSON.stringify(text.endsWith('\n') ? text.slice(0, -1) : text);
}
