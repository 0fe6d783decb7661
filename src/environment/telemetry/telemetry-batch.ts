import type { TelemetryBuffering } from '../../runtime-api/telemetry/telemetry-subscription.ts';

/** Events that travel together. */
export interface TelemetryBatch {
  /** JSON of one event each. */
  readonly events: readonly string[];
  /** Of the events. */
  readonly bytes: number;
}

/** The body of a POST: a JSON array. */
export function arrayBody({ events }: TelemetryBatch): Buffer {
  return Buffer.from(`[${events.join(',')}]`);
}

/** What goes over a TCP connection: a line for each event. */
export function lineBody({ events }: TelemetryBatch): Buffer {
  return Buffer.from(`${events.join('\n')}\n`);
}

/** Events that wait for their subscriber, oldest first. */
export class TelemetryQueue {
  readonly #buffering: TelemetryBuffering;
  #events: { readonly text: string; readonly bytes: number }[] = [];
  #bytes = 0;
  #firstMs = 0;

  constructor(buffering: TelemetryBuffering) {
    this.#buffering = buffering;
  }

  get length(): number {
    return this.#events.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  /** Whether a whole batch waits. */
  get isFull(): boolean {
    return this.#events.length >= this.#buffering.maxItems || this.#bytes >= this.#buffering.maxBytes;
  }

  /** Whether one more would be more than a batch that waits beside one on its way. Lambda warns of payloads of twice maxBytes. */
  get isOverfull(): boolean {
    return this.#events.length >= 2 * this.#buffering.maxItems || this.#bytes >= 2 * this.#buffering.maxBytes;
  }

  /** When the oldest has waited long enough, in monotonic milliseconds. */
  get dueMs(): number {
    return this.#firstMs + this.#buffering.timeoutMs;
  }

  push(text: string, bytes: number, nowMs: number): void {
    if (this.isEmpty) this.#firstMs = nowMs;
    this.#events.push({ text, bytes });
    this.#bytes += bytes;
  }

  /** Takes the oldest events, at most a batch. */
  take(nowMs: number): TelemetryBatch {
    let count = 0;
    let bytes = 0;
    for (const event of this.#events) {
      if (count >= this.#buffering.maxItems || (count > 0 && bytes + event.bytes > this.#buffering.maxBytes)) break;
      count += 1;
      bytes += event.bytes;
    }
    const taken = this.#events.slice(0, count);
    this.#events = this.#events.slice(count);
    this.#bytes -= bytes;
    this.#firstMs = nowMs;
    return { events: taken.map(({ text }) => text), bytes };
  }
}
