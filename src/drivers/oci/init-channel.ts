import { Socket } from 'node:net';
import { CloisterError } from '../../errors.ts';
import { decodeInitReply, encodeReset, encodeStart, initRecordBytes, type StartProcess } from '../../guest/init-protocol.ts';

export interface ProcessExit {
  readonly processId: number;
  readonly status: number | null;
  readonly signal: number | null;
}

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

/** The agent's end of PID 1's control socket. What comes back is four numbers at a time: nothing of a stranger is parsed. */
export class InitChannel {
  readonly #socket: Socket;
  readonly #starting = new Map<number, Waiting>();
  readonly #resetting: Waiting[] = [];
  #buffer = Buffer.alloc(0);
  #closed = false;
  onExit: (exit: ProcessExit) => void = () => undefined;
  /** PID 1 is gone. */
  onClose: () => void = () => undefined;

  constructor(descriptor: number) {
    this.#socket = new Socket({ fd: descriptor, readable: true, writable: true });
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => this.#close());
  }

  /** Resolves when exec succeeded. Rejects with `EnvironmentGone`, or with `NotFound` when no candidate could be executed. */
  start(process: StartProcess): Promise<void> {
    return this.#ask(encodeStart(process), (waiting) => this.#starting.set(process.processId, waiting));
  }

  /** Kills everything but PID 1; resolves when all of it is reaped. */
  reset(): Promise<void> {
    return this.#ask(encodeReset(), (waiting) => this.#resetting.push(waiting));
  }

  /** Ends PID 1 by ending its control socket. */
  close(): void {
    this.#socket.destroy();
  }

  #ask(request: Buffer, remember: (waiting: Waiting) => void): Promise<void> {
    if (this.#closed) return Promise.reject(gone());
    return new Promise((resolve, reject) => {
      remember({ resolve, reject });
      this.#socket.write(request);
    });
  }

  #receive(chunk: Buffer): void {
    let rest = Buffer.concat([this.#buffer, chunk]);
    for (; rest.length >= initRecordBytes; rest = rest.subarray(initRecordBytes)) this.#take(rest);
    this.#buffer = rest;
  }

  #take(record: Buffer): void {
    const reply = decodeInitReply(record);
    if (reply.type === 'exited') {
      this.onExit({ processId: reply.processId, status: reply.status, signal: reply.signal });
    } else if (reply.type === 'resetDone') {
      // One answer to each request, in their order.
      this.#resetting.shift()?.resolve();
    } else {
      const waiting = this.#starting.get(reply.processId);
      this.#starting.delete(reply.processId);
      if (reply.type === 'started') waiting?.resolve();
      else waiting?.reject(new CloisterError('NotFound', `no entry point could be executed (errno ${reply.errno})`, { operation: 'start process' }));
    }
  }

  #close(): void {
    this.#closed = true;
    for (const waiting of [...this.#starting.values(), ...this.#resetting.splice(0)]) waiting.reject(gone());
    this.#starting.clear();
    this.onClose();
  }
}

function gone(): CloisterError {
  return new CloisterError('EnvironmentGone', 'the environment has ended', { operation: 'talk to init' });
}
