import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { CloisterError } from '../errors.ts';
import { closeAll, makePipe } from './descriptor.ts';
import { type IdRange, unshareForRange } from './user-and-time-namespace.ts';

const program = 'slirp4netns';
const readyTimeoutMs = 10_000;
const keptErrorBytes = 4_096;

export interface UserModeNetworkOptions {
  /** Nobody's ids: the process is root of a user namespace of these, and nobody outside. */
  readonly idRange: IdRange;
  /** `a.b.c.0/24`: .2 is its gateway, .3 its resolver, .100 who it talks to. */
  readonly network: string;
  readonly linkName: string;
  readonly mtu: number;
  /** Puts the process where its resources are bounded: once it has its link (a device that nobody else may open), before a packet can reach it. */
  readonly confine: (pid: number) => void;
}

/**
 * A process that turns packets into sockets of this host (slirp4netns(1)): what passes it leaves the host as any program's connections do, past whatever
 * rules its administrator has, and nothing comes in unasked. It needs neither forwarding nor a rule nor a link in the host's namespace.
 * SECURITY: it reads strangers' packets, so it has no power: an id range of its own, no capability, a filter of system calls, a root of its own, and
 * a network namespace with one link. It ends when this process does.
 */
export class UserModeNetwork {
  readonly pid: number;
  /** Descriptor of the namespace that holds its link. */
  readonly namespace: number;
  readonly #child: ChildProcess;
  readonly #exitPipe: number;
  /** Resolves when it has ended, asked to or not. */
  readonly ended: Promise<unknown>;

  private constructor(child: ChildProcess, namespace: number, exitPipe: number) {
    this.pid = child.pid as number;
    this.namespace = namespace;
    this.#child = child;
    this.#exitPipe = exitPipe;
    this.ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve();
  }

  static async start(options: UserModeNetworkOptions): Promise<UserModeNetwork> {
    using undo = new DisposableStack();
    const namespaces = await unshareForRange(options.idRange, ['--net'], (child) => ({
      user: openSync(`/proc/${child}/ns/user`, 'r'),
      network: openSync(`/proc/${child}/ns/net`, 'r'),
    }));
    undo.defer(() => closeSync(namespaces.network));
    const exitPipe = makePipe();
    undo.defer(() => closeAll(exitPipe.write));
    const flags = ['--disable-host-loopback', '--enable-sandbox', '--enable-seccomp', `--mtu=${options.mtu}`, `--cidr=${options.network}`];
    const descriptors = ['--ready-fd=5', '--exit-fd=6', '--netns-type=path', '/proc/self/fd/4'];
    // SECURITY: within the user namespace from its first instruction on.
    const enter = ['--user=/proc/self/fd/3', '--setuid', '0', '--setgid', '0', '--', program];
    const child = spawn('nsenter', [...enter, ...flags, ...descriptors, options.linkName], {
      stdio: ['ignore', 'ignore', 'pipe', namespaces.user, namespaces.network, 'pipe', exitPipe.read],
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    closeAll(namespaces.user, exitPipe.read);
    undo.defer(() => child.kill('SIGKILL'));
    await ready(child);
    options.confine(child.pid as number);
    undo.move();
    return new UserModeNetwork(child, namespaces.network, exitPipe.write);
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
    closeAll(this.#exitPipe, this.namespace);
  }
}

async function ready(child: ChildProcess): Promise<void> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (said.length < keptErrorBytes) said += chunk.toString('latin1');
  });
  const failure = (why: string, cause?: unknown) =>
    new CloisterError('WallUnavailable', `${program} ${why}: run "cloister doctor --fix"`, { operation: 'start uplink', cause });
  const failed = Promise.race([
    once(child, 'error').then(([cause]) => Promise.reject(failure('could not be run', cause))),
    once(child, 'exit').then(([code]) => Promise.reject(failure(`ended with ${code}: ${said.trim().split('\n').at(-1)}`))),
  ]);
  failed.catch(() => undefined);
  const timeout = AbortSignal.timeout(readyTimeoutMs);
  const pipe = (child.stdio as readonly unknown[])[5] as Readable;
  await Promise.race([once(pipe, 'data', { signal: timeout }), failed]);
  pipe.destroy();
}
