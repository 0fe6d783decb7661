import { Socket } from 'node:net';
import { CloisterError } from '../../errors.ts';
import {
  decodeInitReply,
  encodeList,
  encodeReset,
  encodeSignal,
  encodeStart,
  type InitReply,
  initReplyBytes,
  type ListDirectory,
  type StartProcess,
} from '../../guest/init-protocol.ts';

export interface ProcessExit {
  readonly processId: number;
  readonly status: number | null;
  readonly signal: number | null;
}

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/** What PID 1 may leave unread: it reads at once, unless it is frozen. */
const maxUnreadBytes = 1_048_576;
/** ENOENT and ENOTDIR: there is no such directory, or what is there is a link or a file. */
const noDirectory: ReadonlySet<number> = new Set([2, 20]);
/** EACCES and ENOEXEC. */
const startFailures: ReadonlyMap<number, 'NotExecutable' | 'NoProgram'> = new Map([
  [13, 'NotExecutable'],
  [8, 'NoProgram'],
]);

/** The agent's end of PID 1's control socket. SECURITY: PID 1 is believed nothing but numbers; what it has of a directory is checked by who asked. */
export class InitChannel {
  readonly #socket: Socket;
  readonly #starting = new Map<number, Waiting<void>>();
  readonly #listing = new Map<number, Waiting<readonly string[]>>();
  readonly #resetting: Waiting<void>[] = [];
  #buffer = Buffer.alloc(0);
  #nextList = 1;
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

  /** Resolves when exec succeeded. Rejects with `EnvironmentGone`, or when no candidate could be executed: `NotFound`, `NotExecutable`, `NoProgram`. */
  start(process: StartProcess): Promise<void> {
    return this.#ask(encodeStart(process), (waiting) => this.#starting.set(process.processId, waiting));
  }

  /** To the process and its group; PID 1 has no answer to it. */
  signal(processId: number, signal: number): void {
    if (this.#closed) throw gone();
    this.#write(encodeSignal(processId, signal));
  }

  /** Names of files and links, in no order and not looked at yet; at most 64. None where there is no such directory. */
  list(directory: Omit<ListDirectory, 'listId'>): Promise<readonly string[]> {
    const listId = this.#nextList++;
    return this.#ask(encodeList({ ...directory, listId }), (waiting) => this.#listing.set(listId, waiting));
  }

  /** Kills everything but PID 1; resolves when all of it is reaped. */
  reset(): Promise<void> {
    return this.#ask(encodeReset(), (waiting) => this.#resetting.push(waiting));
  }

  /** Ends PID 1 by ending its control socket. */
  close(): void {
    this.#socket.destroy();
  }

  #ask<T>(request: Buffer, remember: (waiting: Waiting<T>) => void): Promise<T> {
    if (this.#closed) return Promise.reject(gone());
    return new Promise((resolve, reject) => {
      remember({ resolve, reject });
      this.#write(request);
    });
  }

  /** SECURITY: who keeps an environment frozen and asks on does not fill the agent's memory. */
  #write(request: Buffer): void {
    this.#socket.write(request);
    if (this.#socket.writableLength > maxUnreadBytes) this.close();
  }

  #receive(chunk: Buffer): void {
    let rest = Buffer.concat([this.#buffer, chunk]);
    try {
      for (let size = initReplyBytes(rest); size !== undefined && size <= rest.length; size = initReplyBytes(rest)) {
        this.#take(decodeInitReply(rest.subarray(0, size)));
        rest = rest.subarray(size);
      }
      this.#buffer = rest;
    } catch (error) {
      if (!(error instanceof CloisterError && error.code === 'BadMessage')) throw error;
      // SECURITY: a PID 1 that talks nonsense has been taken over: it costs its own environment.
      this.close();
    }
  }

  #take(reply: InitReply): void {
    switch (reply.type) {
      case 'exited':
        this.onExit({ processId: reply.processId, status: reply.status, signal: reply.signal });
        break;
      case 'resetDone':
        // One answer to each request, in their order.
        this.#resetting.shift()?.resolve();
        break;
      case 'listed':
        this.#takeList(reply);
        break;
      default:
        this.#takeStart(reply);
    }
  }

  #takeStart(reply: Extract<InitReply, { readonly type: 'started' | 'startFailed' }>): void {
    const waiting = this.#starting.get(reply.processId);
    this.#starting.delete(reply.processId);
    if (reply.type === 'started') waiting?.resolve();
    else
      waiting?.reject(
        new CloisterError(startFailures.get(reply.errno) ?? 'NotFound', `no entry point could be executed (errno ${reply.errno})`, {
          operation: 'start process',
        }),
      );
  }

  #takeList({ listId, errno, names }: Extract<InitReply, { readonly type: 'listed' }>): void {
    const waiting = this.#listing.get(listId);
    this.#listing.delete(listId);
    if (errno === 0 || noDirectory.has(errno)) waiting?.resolve(names);
    else waiting?.reject(new CloisterError('Internal', `a directory could not be listed (errno ${errno})`, { operation: 'list directory' }));
  }

  #close(): void {
    this.#closed = true;
    for (const waiting of [...this.#starting.values(), ...this.#listing.values(), ...this.#resetting.splice(0)]) waiting.reject(gone());
    this.#starting.clear();
    this.#listing.clear();
    this.onClose();
  }
}

function gone(): CloisterError {
  return new CloisterError('EnvironmentGone', 'the environment has ended', { operation: 'talk to init' });
}
