import type { LaneName } from '../../environment/pool/fair-turns.ts';
import { CloisterError } from '../../errors.ts';
import type { AccountUse, Backlog, EventChange, EventPhase, EventStore, StoredEvent } from '../../invoke/events/event-store.ts';
import type { QueuedEvent } from '../../invoke/events/queued-event.ts';
import { EventDatabaseThread } from './event-database-thread.ts';

interface Waiting {
  readonly changes: readonly EventChange[];
  readonly bytes: number;
  readonly resolve: (use: readonly AccountUse[]) => void;
  readonly reject: (error: unknown) => void;
}

const batchBytes = 16 * 1_048_576;
const batchCommits = 1_000;
/** Payloads that wait for the disk are in memory. */
const maxWaitingBytes = 64 * 1_048_576;

/**
 * Accepted events in a database of their own. While one transaction is on its way to the disk, what comes meanwhile gathers for the next: the more
 * requests at once, the fewer waits for the disk each costs.
 */
export class SqliteEventStore implements EventStore {
  readonly #thread: EventDatabaseThread;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #isCommitting = false;
  #onSettled: (() => void) | undefined;

  private constructor(thread: EventDatabaseThread) {
    this.#thread = thread;
  }

  /** Opens, and on the first start makes, the database. */
  static async open(path: string): Promise<SqliteEventStore> {
    const thread = new EventDatabaseThread(path);
    await thread.open();
    return new SqliteEventStore(thread);
  }

  commit(changes: readonly EventChange[]): Promise<readonly AccountUse[]> {
    const bytes = changes.reduce((sum, change) => sum + bytesOf(change), 0);
    if (this.#waitingBytes + bytes > maxWaitingBytes && this.#waiting.length > 0 && changes.some(({ kind }) => kind === 'insert')) {
      return Promise.reject(new CloisterError('QueueFull', 'the disk cannot take events as fast as they come', { operation: 'keep events' }));
    }
    const { promise, resolve, reject } = Promise.withResolvers<readonly AccountUse[]>();
    this.#waiting.push({ changes, bytes, resolve, reject });
    this.#waitingBytes += bytes;
    if (!this.#isCommitting) void this.#commitWaiting();
    return promise;
  }

  async next(phase: EventPhase, lane: LaneName, limit: number): Promise<readonly QueuedEvent[]> {
    return (await this.#thread.call({ verb: 'next', phase, lane, limit })) as readonly QueuedEvent[];
  }

  async read(id: number): Promise<StoredEvent | undefined> {
    const stored = (await this.#thread.call({ verb: 'read', eventId: id })) as StoredEvent | undefined;
    if (stored === undefined) return undefined;
    const { content, responsePayload } = stored;
    // A Buffer arrives as plain bytes.
    return {
      ...stored,
      content: { ...content, payload: asBuffer(content.payload) },
      ...(responsePayload === undefined ? {} : { responsePayload: asBuffer(responsePayload) }),
    };
  }

  async backlog(): Promise<Backlog> {
    return (await this.#thread.call({ verb: 'backlog' })) as Backlog;
  }

  /** Once everything that was handed over is on disk. */
  async close(): Promise<void> {
    if (this.#isCommitting) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onSettled = resolve;
      await promise;
    }
    await this.#thread.close();
  }

  async #commitWaiting(): Promise<void> {
    this.#isCommitting = true;
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      try {
        const uses = (await this.#thread.call({
          verb: 'commit',
          groups: batch.map(({ changes }) => changes),
        })) as readonly (readonly AccountUse[])[];
        for (const [index, { resolve }] of batch.entries()) resolve(uses[index] ?? []);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isCommitting = false;
    this.#onSettled?.();
  }

  #takeBatch(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      if (count > 0 && (count >= batchCommits || bytes + waiting.bytes > batchBytes)) break;
      bytes += waiting.bytes;
      count += 1;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }
}

function bytesOf(change: EventChange): number {
  if (change.kind === 'insert') return change.content.payload.length;
  return change.kind === 'conclude' ? (change.responsePayload?.length ?? 0) : 0;
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
