import { Worker } from 'node:worker_threads';
import { CloisterError } from '../../errors.ts';
import type { EventDatabaseAnswer, EventDatabaseCall, EventDatabaseVerb } from './event-store-calls.ts';

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: CloisterError) => void;
}

/** The thread that owns the events' database. Should it die, what it was asked fails, and the next call starts another. */
export class EventDatabaseThread {
  readonly #path: string;
  #worker: Worker | undefined;
  #lastId = 0;
  readonly #pending = new Map<number, Pending>();

  constructor(path: string) {
    this.#path = path;
  }

  /** Resolves when the database is open. */
  open(): Promise<void> {
    return this.#ask(0, undefined) as Promise<void>;
  }

  call(verb: EventDatabaseVerb): Promise<unknown> {
    this.#lastId += 1;
    return this.#ask(this.#lastId, verb);
  }

  /** Closes the database and ends the thread. */
  async close(): Promise<void> {
    await this.call({ verb: 'close' });
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #ask(id: number, verb: EventDatabaseVerb | undefined): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    const worker = this.#worker ?? this.#start();
    this.#worker = worker;
    // An idle thread keeps no process from ending; one that owes an answer does.
    worker.ref();
    if (verb !== undefined) {
      const { message, transfer } = withOwnBuffers({ id, ...verb });
      worker.postMessage(message, transfer);
    }
    return promise;
  }

  #start(): Worker {
    // Beside this file, under the same ending: .ts in a checkout, .js installed.
    const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
    const worker = new Worker(new URL(`event-store-worker${ending}`, import.meta.url), {
      workerData: { path: this.#path },
      // Not those of the process: one of them may say how its own program is read.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    worker.on('message', (answer: EventDatabaseAnswer) => this.#receive(answer));
    worker.on('error', (cause) => this.#lose(worker, cause));
    worker.on('exit', () => this.#lose(worker, undefined));
    return worker;
  }

  #receive(answer: EventDatabaseAnswer): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (this.#pending.size === 0) this.#worker?.unref();
    if ('failure' in answer) pending?.reject(failed(answer.failure));
    else pending?.resolve(answer.result);
  }

  #lose(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#pending.values()) reject(failed(cause));
    this.#pending.clear();
  }
}

function failed(cause: unknown): CloisterError {
  return new CloisterError('Internal', "the events' database could not be used", { operation: 'keep events', cause });
}

/**
 * A message's payloads in memory of their own, which moves to the other thread: a Buffer is often a part of a larger piece of memory, and all of that
 * would be copied.
 */
function withOwnBuffers(call: EventDatabaseCall): { message: EventDatabaseCall; transfer: ArrayBuffer[] } {
  if (call.verb !== 'commit') return { message: call, transfer: [] };
  const transfer: ArrayBuffer[] = [];
  const own = (bytes: Buffer): Buffer => {
    const copy = new Uint8Array(bytes);
    transfer.push(copy.buffer);
    return copy as Buffer;
  };
  const groups = call.groups.map((group) =>
    group.map((change) => {
      if (change.kind === 'insert') return { ...change, content: { ...change.content, payload: own(change.content.payload) } };
      if (change.kind === 'conclude' && change.responsePayload !== undefined) return { ...change, responsePayload: own(change.responsePayload) };
      return change;
    }),
  );
  return { message: { ...call, groups }, transfer };
}
