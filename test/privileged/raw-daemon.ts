import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { withAgentCapabilities } from '../../src/agent/agent-capabilities.ts';
import { receiveDescriptor } from '../../src/agent/receive-descriptor.ts';
import { closeAll, makeSocketPair } from '../../src/linux/descriptor.ts';

interface RawReply {
  readonly id: number;
  readonly ok: boolean;
  readonly code?: string;
  readonly result?: Record<string, unknown>;
}

/** A real agent without a daemon; the descriptors are the daemon's ends of both socketpairs. It ends when the control socket is closed. */
export function startAgentUnderTest(
  dataDirectory: string,
  { network }: { readonly network?: number } = {},
): { readonly agent: ChildProcess; readonly control: number; readonly descriptors: number } {
  const control = makeSocketPair('stream');
  const descriptors = makeSocketPair('seqpacket');
  const program = fileURLToPath(new URL('agent-under-test.ts', import.meta.url));
  const node = withAgentCapabilities([process.execPath, '--disable-warning=ExperimentalWarning', program, '--data-dir', dataDirectory]);
  const enter = network === undefined ? [] : ['nsenter', `--net=/proc/${network}/ns/net`, '--'];
  const [file = '', ...rest] = [...enter, 'unshare', '--mount', '--propagation', 'private', '--', ...node];
  const agent = spawn(file, rest, { stdio: ['ignore', 'inherit', 'inherit', control.second, descriptors.second] });
  closeAll(control.second, descriptors.second);
  return { agent, control: control.first, descriptors: descriptors.first };
}

/** The daemon's side of a real agent's sockets in the hands of a test: it may send whatever bytes it likes. */
export class RawDaemon implements AsyncDisposable {
  readonly agent: ChildProcess;
  readonly control: Socket;
  readonly descriptors: number;
  readonly #waiting = new Map<number, (reply: RawReply) => void>();
  readonly unasked: RawReply[] = [];
  onEvent: (event: Record<string, unknown>) => void = () => undefined;
  /** A reply to a frame that was written by hand. */
  onOther: (reply: RawReply) => void = () => undefined;
  #buffer = Buffer.alloc(0);
  #nextId = 1;

  private constructor(agent: ChildProcess, control: Socket, descriptors: number) {
    this.agent = agent;
    this.control = control;
    this.descriptors = descriptors;
    control.on('error', () => undefined);
    control.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  /** `network` is the pid of a process whose network namespace stands for the host's. */
  static start(dataDirectory: string, options: { readonly network?: number } = {}): RawDaemon {
    const { agent, control, descriptors } = startAgentUnderTest(dataDirectory, options);
    return new RawDaemon(agent, new Socket({ fd: control, readable: true, writable: true }), descriptors);
  }

  write(bytes: Buffer): void {
    this.control.write(bytes);
  }

  /** A well-formed frame around any JSON. */
  frame(message: unknown): Buffer {
    const body = Buffer.from(typeof message === 'string' ? message : JSON.stringify(message));
    const head = Buffer.alloc(4);
    head.writeUInt32BE(body.length);
    return Buffer.concat([head, body]);
  }

  request(verb: string, fields: unknown): Promise<RawReply> {
    const id = this.#nextId++;
    const reply = new Promise<RawReply>((resolve) => this.#waiting.set(id, resolve));
    this.write(this.frame({ id, verb, fields }));
    return reply;
  }

  takeDescriptor(): number {
    return receiveDescriptor(this.descriptors).fd;
  }

  /** Resolves with the next reply that answers no request of ours (id 0). */
  async nextUnasked(): Promise<RawReply> {
    while (this.unasked.length === 0) await once(this.control, 'data');
    return this.unasked.shift() as RawReply;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.agent.exitCode === null && this.agent.signalCode === null ? once(this.agent, 'exit') : undefined;
    this.control.destroy();
    await ended;
    closeAll(this.descriptors);
  }

  #receive(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      if (this.#buffer.length < 4) return;
      const length = this.#buffer.readUInt32BE(0);
      if (this.#buffer.length < 4 + length) return;
      const reply = JSON.parse(this.#buffer.toString('utf8', 4, 4 + length)) as RawReply;
      if ('event' in reply) this.onEvent(reply as unknown as Record<string, unknown>);
      this.#buffer = this.#buffer.subarray(4 + length);
      const resolve = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (resolve !== undefined) resolve(reply);
      else if (reply.id === 0) this.unasked.push(reply);
      else this.onOther(reply);
    }
  }
}
