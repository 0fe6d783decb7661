import type { TelemetryEvent } from './telemetry-event.ts';
import type { TelemetrySubscriber } from './telemetry-subscriber.ts';

/** SECURITY: every environment holds this much during its init. */
const maxEvents = 1_000;
const maxBytes = 256 * 1024;

/** What has been told since an init began, for those that subscribe during it. */
export class InitHistory {
  readonly #events: TelemetryEvent[] = [];
  #bytes = 0;
  #droppedRecords = 0;
  #droppedBytes = 0;

  add(event: TelemetryEvent): void {
    const bytes = Buffer.byteLength(event.textFor('2025-01-29'));
    if (this.#events.length >= maxEvents || this.#bytes + bytes > maxBytes) {
      this.#droppedRecords += 1;
      this.#droppedBytes += bytes;
      return;
    }
    this.#events.push(event);
    this.#bytes += bytes;
  }

  tell(subscriber: TelemetrySubscriber): void {
    if (this.#droppedRecords > 0) subscriber.dropped(this.#droppedRecords, this.#droppedBytes);
    for (const event of this.#events) if (subscriber.wants(event.stream)) subscriber.offer(event.textFor(subscriber.schema));
  }
}
