import { closeSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { CloisterError, type CloisterErrorCode } from '../errors.ts';
import type { Evidence } from '../evidence.ts';
import { encodeFrame, FrameReader } from './frame.ts';
import type { ClaimedDescriptors, HostAgent } from './host-agent.ts';
import type { AgentEvent, Reply, RequestOf, Results, RuntimeSummary, Verb } from './messages.ts';
import { receiveDescriptor } from './receive-descriptor.ts';

interface Waiting {
  resolve(result: never): void;
  reject(error: Error): void;
}

const codes: ReadonlySet<string> = new Set<CloisterErrorCode>([
  'ArchiveInvalid',
  'ArchiveRefused',
  'ArchiveTooLarge',
  'BadMessage',
  'BuilderFailed',
  'Conflict',
  'ConnectionRefused',
  'ConnectionTimedOut',
  'EnvironmentGone',
  'HostUnfit',
  'NoCapacity',
  'NoProgram',
  'NotExecutable',
  'NotFound',
  'WallUnavailable',
]);

/** The daemon's end of the two socketpairs. Descriptors arrive before the reply that names their tokens. */
export class AgentClient implements HostAgent {
  readonly #control: Socket;
  readonly #descriptors: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #received = new Map<number, number>();
  readonly #listeners: ((event: AgentEvent) => void)[] = [];
  readonly #onGone: () => void;
  #nextId = 1;
  #gone = false;

  constructor(options: { readonly control: number; readonly descriptors: number; readonly onGone: () => void }) {
    this.#control = new Socket({ fd: options.control, readable: true, writable: true });
    this.#descriptors = options.descriptors;
    this.#onGone = options.onGone;
    const reader = new FrameReader(
      (body) => this.#receive(JSON.parse(body.toString('utf8')) as Reply | AgentEvent),
      () => this.#end(),
    );
    this.#control.on('data', (chunk: Buffer) => reader.push(chunk));
    this.#control.on('error', () => undefined);
    this.#control.on('close', () => this.#end());
  }

  async buildImage(archive: Uint8Array, options: { accountId: string; maxUnpackedBytes: number }): Promise<Results['buildImage']> {
    const { uploadId, descriptor } = await this.#request('openUpload', { sizeBytes: archive.byteLength });
    const fd = this.#take(descriptor);
    try {
      for (let written = 0; written < archive.byteLength; ) written += writeSync(fd, archive, written, archive.byteLength - written, written);
    } finally {
      closeSync(fd);
    }
    try {
      return await this.#request('buildImage', { uploadId, ...options });
    } finally {
      await this.#request('dropUpload', { uploadId });
    }
  }

  async dropImage(image: RequestOf<'dropImage'>): Promise<void> {
    await this.#request('dropImage', image);
  }

  async listRuntimes(): Promise<readonly RuntimeSummary[]> {
    return (await this.#request('listRuntimes', {})).runtimes;
  }

  async openSlot(options: RequestOf<'openSlot'>): Promise<string> {
    return (await this.#request('openSlot', options)).slotId;
  }

  async prepare(options: RequestOf<'prepare'>): Promise<string> {
    return (await this.#request('prepare', options)).environmentId;
  }

  async claim(options: RequestOf<'claim'>): Promise<ClaimedDescriptors> {
    const tokens = await this.#request('claim', options);
    return {
      runtimeApi: this.#take(tokens.runtimeApi),
      stdout: this.#take(tokens.stdout),
      stderr: this.#take(tokens.stderr),
      extensionOutput: this.#take(tokens.extensionOutput),
      memoryPeak: this.#take(tokens.memoryPeak),
      freezer: this.#take(tokens.freezer),
      freezerWords: tokens.freezerWords,
    };
  }

  async start(options: RequestOf<'start'>): Promise<number> {
    return (await this.#request('start', options)).processId;
  }

  listExtensions(options: RequestOf<'listExtensions'>): Promise<Results['listExtensions']> {
    return this.#request('listExtensions', options);
  }

  async signal(options: RequestOf<'signal'>): Promise<void> {
    await this.#request('signal', options);
  }

  async connect(options: RequestOf<'connect'>): Promise<{ readonly descriptor: number }> {
    return { descriptor: this.#take((await this.#request('connect', options)).descriptor) };
  }

  async reset(environmentId: string): Promise<void> {
    await this.#request('reset', { environmentId });
  }

  async freeze(environmentId: string): Promise<void> {
    await this.#request('freeze', { environmentId });
  }

  async thaw(environmentId: string): Promise<void> {
    await this.#request('thaw', { environmentId });
  }

  async setLimits(options: RequestOf<'setLimits'>): Promise<void> {
    await this.#request('setLimits', options);
  }

  async processes(environmentId: string): Promise<readonly number[]> {
    return (await this.#request('processes', { environmentId })).pids;
  }

  evidence(environmentId: string): Promise<Evidence> {
    return this.#request('evidence', { environmentId });
  }

  async destroy(id: string): Promise<void> {
    await this.#request('destroy', { id });
  }

  budget(): Promise<Results['budget']> {
    return this.#request('budget', {});
  }

  async ready(facts: RequestOf<'ready'>): Promise<void> {
    await this.#request('ready', facts);
  }

  onEvent(listener: (event: AgentEvent) => void): void {
    this.#listeners.push(listener);
  }

  /** Ends the connection, upon which the agent ends every environment and itself. */
  close(): void {
    this.#control.destroy();
  }

  #request<V extends Verb>(verb: V, fields: RequestOf<V>): Promise<Results[V]> {
    if (this.#gone) return Promise.reject(agentGone());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#control.write(encodeFrame({ id, verb, fields }));
    });
  }

  #receive(message: Reply | AgentEvent): void {
    if ('event' in message) {
      for (const listener of this.#listeners) listener(message);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.ok) waiting?.resolve(message.result as never);
    else
      waiting?.reject(
        new CloisterError(codes.has(message.code) ? (message.code as CloisterErrorCode) : 'Internal', message.message, {
          operation: 'ask host agent',
        }),
      );
  }

  #take(token: number): number {
    while (!this.#received.has(token)) {
      const { token: arrived, fd } = receiveDescriptor(this.#descriptors);
      this.#received.set(arrived, fd);
    }
    const fd = this.#received.get(token) as number;
    this.#received.delete(token);
    return fd;
  }

  #end(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#control.destroy();
    for (const waiting of this.#waiting.values()) waiting.reject(agentGone());
    this.#waiting.clear();
    this.#onGone();
  }
}

function agentGone(): CloisterError {
  return new CloisterError('AgentGone', 'the host agent has ended', { operation: 'ask host agent' });
}
