import type { HostAgent } from '../../agent/host-agent.ts';
import { CloisterError, type CloisterErrorCode } from '../../errors.ts';
import type { ShutdownReason } from '../../runtime-api/extensions/extension-event.ts';
import { type ExtensionRegistry, maxExtensions } from '../../runtime-api/extensions/extension-registry.ts';
import type { Clock } from '../clock.ts';
import { type ExtensionErrorType, extensionExitReason, type FailureCause } from '../invocation-failure.ts';
import { GuestProcess, type ProcessExit } from './guest-process.ts';
import { shutdownTimes } from './shutdown-times.ts';

type Variables = Readonly<Record<string, string>>;

export interface ProcessGenerationOptions {
  readonly agent: Pick<HostAgent, 'start' | 'signal'>;
  readonly clock: Clock;
  readonly environmentId: string;
  /** What the processes find in their environments. */
  readonly variables: { readonly runtime: Variables; readonly extension: Variables };
  /** The one that belongs to these processes. */
  readonly extensions: () => ExtensionRegistry;
}

/** Why a program was not started, in Lambda's words: as the log line EXTENSION tells it, and as the client is told. */
interface LaunchFailure {
  readonly errorType: 'PermissionDenied' | 'TooManyExtensions' | 'UnknownError';
  readonly reason: string;
}

const tooMany: LaunchFailure = { errorType: 'TooManyExtensions', reason: 'ErrTooManyExtensions' };
const launchFailures: Partial<Readonly<Record<CloisterErrorCode, LaunchFailure>>> = {
  NotFound: { errorType: 'UnknownError', reason: 'no such file or directory' },
  NotExecutable: { errorType: 'PermissionDenied', reason: 'permission denied' },
  NoProgram: { errorType: 'UnknownError', reason: 'exec format error' },
};

/** The processes of one life of an environment, from their start to their end: its external extensions and its runtime. */
export class ProcessGeneration {
  /** Undefined: the runtime and every extension asked for their first event. */
  readonly initialised: Promise<FailureCause | undefined>;
  readonly #options: ProcessGenerationOptions;
  readonly #settle: (failure: FailureCause | undefined) => void;
  readonly #registered = Promise.withResolvers<void>();
  readonly #runtime = new GuestProcess();
  readonly #extensions: GuestProcess[] = [];
  /** Ends that were told before the start of what ended was answered. */
  readonly #earlyExits = new Map<number, ProcessExit>();
  readonly #reported = new Map<string, ExtensionErrorType>();
  readonly #starts: Promise<unknown>[] = [];
  #isRuntimeWaiting = false;
  #failure: FailureCause | undefined;
  #shutdown: Promise<void> | undefined;

  constructor(options: ProcessGenerationOptions) {
    this.#options = options;
    const initialised = Promise.withResolvers<FailureCause | undefined>();
    this.initialised = initialised.promise;
    this.#settle = initialised.resolve;
  }

  /** What went wrong first: nothing that it does counts any more. */
  get failure(): FailureCause | undefined {
    return this.#failure;
  }

  /** The runtime and every extension wait for their next event. */
  get isWaiting(): boolean {
    return this.#isRuntimeWaiting && this.#options.extensions().allReady;
  }

  get isRuntimeStarted(): boolean {
    return this.#runtime.id !== undefined;
  }

  /** Whether there are extensions to wait for when the runtime has done its part. */
  get hasExtensions(): boolean {
    const { hasExternal, hasInternal } = this.#options.extensions();
    return hasExternal || hasInternal;
  }

  /** Every process that was to be started has been, or has not; none is started after it. */
  get startsDone(): Promise<unknown> {
    return Promise.allSettled(this.#starts);
  }

  /** Starts the extensions, all at once, then the runtime, each when those before it are known; resolves as `initialised` does. */
  async start(extensionNames: readonly string[]): Promise<FailureCause | undefined> {
    this.#options.extensions().expect(extensionNames);
    for (const name of extensionNames.slice(maxExtensions)) this.#launchFailed(name, tooMany);
    if (this.#failure === undefined) {
      await Promise.all(extensionNames.map((name) => this.#startExtension(name)));
      this.extensionsChanged();
      await this.#registered.promise;
    }
    if (this.#failure === undefined) await this.#startRuntime();
    return await this.initialised;
  }

  /** An extension registered, or waits for its next event. */
  extensionsChanged(): void {
    if (this.#options.extensions().allRegistered) this.#registered.resolve();
    if (this.isWaiting) this.#settle(undefined);
  }

  /** Its end, which is to follow, is then put down to what it reported. */
  extensionFailed({ name, phase }: { readonly name: string; readonly phase: 'init' | 'exit' }): void {
    if (!this.#reported.has(name)) this.#reported.set(name, phase === 'init' ? 'Extension.InitError' : 'Extension.ExitError');
  }

  runtimeWaits(): void {
    this.#isRuntimeWaiting = true;
    if (this.isWaiting) this.#settle(undefined);
  }

  /** An event is about to be handed to it: it has work to do. */
  runtimeWorks(): void {
    this.#isRuntimeWaiting = false;
  }

  /** The first failure counts, and none that comes of a shutdown. */
  fail(failure: FailureCause): void {
    if (this.#shutdown !== undefined) return;
    this.#failure ??= failure;
    this.#settle(failure);
    this.#registered.resolve();
  }

  /** Whatever process it was: as long as nobody ends them, none may end. */
  exited(processId: number, exit: ProcessExit): void {
    const process = [this.#runtime, ...this.#extensions].find(({ id }) => id === processId);
    if (process === undefined) this.#earlyExits.set(processId, exit);
    else this.#ended(process, exit);
  }

  /** PID 1 is gone, and every process with it. */
  gone(): void {
    for (const process of [this.#runtime, ...this.#extensions]) process.end();
  }

  /** Ends what lives within Lambda's times; whatever is left is then the driver's to kill. A second call waits for the first. */
  shutdown(reason: ShutdownReason): Promise<void> {
    if (this.#shutdown === undefined) {
      this.fail({ kind: 'stopped' });
      this.#shutdown = this.#endInOrder(reason);
    }
    return this.#shutdown;
  }

  async #startExtension(name: string): Promise<void> {
    const extension = new GuestProcess(name);
    this.#extensions.push(extension);
    const failure = await this.#launch(extension, { kind: 'extension', name }, this.#options.variables.extension);
    if (failure !== undefined) this.#launchFailed(name, { ...failure, reason: `fork/exec /opt/extensions/${name}: ${failure.reason}` });
  }

  #launchFailed(name: string, { errorType, reason }: LaunchFailure): void {
    this.#options.extensions().launchFailed(name, errorType);
    this.fail({ kind: 'extension', errorType: 'Extension.LaunchError', reason });
  }

  async #startRuntime(): Promise<void> {
    const failure = await this.#launch(this.#runtime, { kind: 'runtime' }, this.#options.variables.runtime);
    if (failure !== undefined) this.fail({ kind: 'invalidEntrypoint' });
  }

  /** What there is cannot be executed: the function's fault, not the host's. */
  async #launch(
    guest: GuestProcess,
    process: Parameters<HostAgent['start']>[0]['process'],
    variables: Variables,
  ): Promise<LaunchFailure | undefined> {
    const { agent, environmentId } = this.#options;
    const start = agent.start({ environmentId, process, environment: { ...variables } });
    this.#starts.push(start);
    try {
      guest.started(await start);
    } catch (error) {
      guest.end();
      const failure = error instanceof CloisterError ? launchFailures[error.code] : undefined;
      if (failure !== undefined) return failure;
      if (this.#failure === undefined) throw error;
      return undefined;
    }
    const exit = this.#earlyExits.get(guest.id ?? 0);
    if (exit !== undefined) this.#ended(guest, exit);
    return undefined;
  }

  #ended(guest: GuestProcess, exit: ProcessExit): void {
    guest.end();
    const { extension } = guest;
    if (extension === undefined) this.fail(exit);
    else this.fail({ kind: 'extension', errorType: this.#reported.get(extension) ?? 'Extension.Crash', reason: extensionExitReason(exit) });
  }

  /** ORDER: the runtime first, since what it says at its end is what extensions still pass on. */
  async #endInOrder(reason: ShutdownReason): Promise<void> {
    const { clock, extensions } = this.#options;
    const registry = extensions();
    registry.closeRegistration();
    await this.startsDone;
    const { runtimeMs, totalMs } = shutdownTimes(registry);
    const endMs = clock.monotonicMs() + totalMs;
    const deadlineMs = clock.wallMs() + totalMs;
    if (totalMs > 0 && this.#runtime.isAlive) {
      this.#signal(this.#runtime, 'SIGTERM');
      await this.#within(runtimeMs, [this.#runtime]);
      this.#signal(this.#runtime, 'SIGKILL');
    }
    const living = this.#extensions.filter(({ isAlive }) => isAlive);
    if (totalMs === 0 || living.length === 0) return;
    registry.deliverShutdown({ reason, deadlineMs });
    const told = new Set(registry.descriptions.filter(({ events }) => events.includes('SHUTDOWN')).map(({ name }) => name));
    for (const guest of living) if (!told.has(guest.extension ?? '')) this.#signal(guest, 'SIGKILL');
    await this.#within(endMs - clock.monotonicMs(), living);
  }

  /** Resolves when all of them have ended, or the time has passed. */
  async #within(timeMs: number, processes: readonly GuestProcess[]): Promise<void> {
    const timeIsUp = Promise.withResolvers<void>();
    const timer = this.#options.clock.schedule(timeMs, timeIsUp.resolve);
    await Promise.race([timeIsUp.promise, Promise.all(processes.map(({ ended }) => ended))]);
    timer.cancel();
  }

  /** What cannot be signalled now is killed with the rest. */
  #signal(guest: GuestProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
    const { agent, environmentId } = this.#options;
    if (guest.id === undefined || !guest.isAlive) return;
    agent.signal({ environmentId, processId: guest.id, signal }).catch((error: unknown) => {
      if (error instanceof CloisterError && (error.code === 'AgentGone' || error.code === 'EnvironmentGone')) this.gone();
    });
  }
}
