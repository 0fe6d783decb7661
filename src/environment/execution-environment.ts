import { CloisterError } from '../errors.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import type { InvocationEvent, RuntimeApiPort } from '../runtime-api/runtime-api-port.ts';
import { surfaceLimits } from '../runtime-api/surface-guard.ts';
import { type EnvironmentDependencies, EnvironmentLife } from './environment-life.ts';
import { stoppedWhileMade } from './environment-making.ts';
import type { EnvironmentOwner } from './environment-owner.ts';
import type { EnvironmentPhase } from './environment-state.ts';
import { initReportEvent, initRuntimeDoneEvent, initStartEvent } from './init-events.ts';
import { Invocation } from './invocation.ts';
import type { FailureCause } from './invocation-failure.ts';
import type { EnvironmentLog } from './log/environment-log.ts';
import type { InitPhase } from './log/platform-event.ts';

/** An invocation's end does not wait long for output over the budget when the environment ends, too. */
const lastDrainWaitMs = 100;

/** One execution environment, made for one owner and never used for another; serves one invocation at a time. */
export class ExecutionEnvironment {
  readonly owner: EnvironmentOwner;
  readonly createdAtMs: number;
  readonly #dependencies: EnvironmentDependencies;
  readonly #life: EnvironmentLife;
  #invocation: Invocation | undefined;
  #initDurationMs: number | undefined;
  /** Set while an init runs within the invocation. */
  #inlineInitMs: number | undefined;
  #onLost: () => void = () => {};

  constructor(owner: EnvironmentOwner, dependencies: EnvironmentDependencies) {
    this.owner = owner;
    this.#dependencies = dependencies;
    this.createdAtMs = dependencies.clock.wallMs();
    this.#life = new EnvironmentLife(owner, dependencies, {
      runtimeApi: this.#runtimePort(),
      broken: (cause) => this.#background(this.#break(cause)),
      lost: () => this.#onLost(),
    });
  }

  get function(): FunctionVersion {
    return this.owner.function;
  }

  /** The host agent's name of it, once it has one. */
  get id(): string | undefined {
    return this.#life.claim?.environmentId;
  }

  get phase(): EnvironmentPhase {
    return this.#life.phase;
  }

  /** Whether another invocation may come. */
  get isUsable(): boolean {
    return this.#life.isUsable;
  }

  /** While its processes are being ended: an invocation would have to wait for this. */
  get resetting(): Promise<void> | undefined {
    return this.#life.resetting;
  }

  /** Its init is over, and well. */
  get isInitialised(): boolean {
    const { phase } = this.#life;
    return phase === 'idle' || phase === 'frozen';
  }

  get log(): EnvironmentLog {
    return this.#life.claimed.parts.log;
  }

  /** Called once, when the environment has been lost outside of anybody's doing. */
  onLost(listener: () => void): void {
    this.#onLost = listener;
  }

  /** Makes the environment, calls `made`, and runs its first init. A failing init is no failure of this: it is run again with the first invocation. */
  async start(made: () => void = () => {}): Promise<void> {
    await this.#life.make();
    made();
    await this.#firstInit();
  }

  /** Gives the environment, which must be free, one event of its owner. Throws for any other owner's. */
  invoke(owner: EnvironmentOwner, event: InvocationEvent): Invocation {
    if (!this.owner.is(owner)) throw this.#error('the environment belongs to another owner');
    if (this.#invocation !== undefined) throw this.#error('the environment is busy');
    const { clock } = this.#dependencies;
    const invocation = new Invocation(event, clock);
    this.#invocation = invocation;
    const { loss } = this.#life;
    if (loss !== undefined) {
      this.#background(this.#break(loss));
      return invocation;
    }
    invocation.limit(clock.schedule(this.function.timeoutSeconds * 1_000, () => this.#background(this.#break({ kind: 'timeout' }))));
    if (this.isInitialised) this.#deliver(invocation);
    else void this.#initFor(invocation);
    return invocation;
  }

  /** Ends the environment from whatever state it is in, its processes in an orderly way; a running invocation fails. A second call waits for the first. */
  destroy(): Promise<void> {
    const running = this.#invocation;
    const ended = this.#life.end(async () => {
      if (running === undefined) return;
      await this.#life.claim?.parts.log.drain(lastDrainWaitMs);
      this.#conclude(running);
    });
    running?.over(this.#life.loss);
    return ended;
  }

  async #firstInit(): Promise<void> {
    const startedMs = this.#dependencies.clock.monotonicMs();
    this.log.event(initStartEvent(this.#life.claimed.init, 'init'));
    const failure = await this.#life.init((generation) => generation.fail({ kind: 'initTimeout' }));
    const durationMs = this.#dependencies.clock.monotonicMs() - startedMs;
    if (this.#life.isEnding) throw stoppedWhileMade();
    if (failure === undefined) {
      this.#initDurationMs = durationMs;
      this.#tellInit({ phase: 'init', durationMs, cause: undefined });
      this.#life.becomeIdle({ type: 'initialised' });
      return;
    }
    this.#life.reset(failure);
    await this.#life.resetting;
    await this.log.drain();
    this.#tellInit({ phase: 'init', durationMs, cause: failure });
  }

  /** Init within an invocation: after a failed first init, a time-out or a crash. It runs under the function's own time limit. */
  async #initFor(invocation: Invocation): Promise<void> {
    const { clock, onProblem } = this.#dependencies;
    try {
      await this.#life.resetting;
      if (invocation.isOver) return;
      const startedMs = clock.monotonicMs();
      this.#inlineInitMs = startedMs;
      this.log.event(initStartEvent(this.#life.claimed.init, 'invoke'));
      const cause = await this.#life.init(() => this.#background(this.#life.setLimits('invoke')));
      if (invocation.isOver) return;
      if (cause === undefined) {
        this.#tellInit({ phase: 'invoke', durationMs: clock.monotonicMs() - startedMs, cause });
        this.#deliver(invocation);
      } else await this.#break(cause);
    } catch (error) {
      onProblem('starting an environment’s processes again failed', error);
      this.#life.lose({ kind: 'environmentGone', outOfMemory: false });
    }
  }

  /** ORDER: as Lambda tells it, all at the end of an init. */
  #tellInit(init: { readonly phase: InitPhase; readonly durationMs: number; readonly cause: FailureCause | undefined }): void {
    const { init: facts, parts } = this.#life.claimed;
    this.#inlineInitMs = undefined;
    if (this.#life.generation?.isRuntimeStarted) this.log.event(initRuntimeDoneEvent(facts, init.phase, init.cause));
    for (const { name, state, events, errorType } of parts.runtimeApi.extensions.descriptions)
      this.log.event({ type: 'platform.extension', record: { name, state, events, ...(errorType === undefined ? {} : { errorType }) } });
    this.log.event(initReportEvent(facts, init));
  }

  #deliver(invocation: Invocation): void {
    invocation.begin();
    invocation.delivered();
    try {
      this.#life.deliver(invocation.event, this.owner);
    } catch (error) {
      this.#background(Promise.reject(error));
    }
  }

  #runtimePort(): RuntimeApiPort {
    return {
      ready: () => {
        if (this.phase === 'busy') this.#invocation?.runtimeDone();
        this.#life.generation?.runtimeWaits();
        this.#goOn();
      },
      initFailed: (failure) => this.#life.generation?.fail({ kind: 'initError', ...failure }),
      responded: (payload, contentType) => this.#invocation?.answer({ payload, contentType }),
      responding: (stream) => this.#invocation?.answerWith(stream),
      failed: (failure) => this.#invocation?.answer({ failure: { kind: 'functionError', ...failure } }),
      respondedTooMuch: () => this.#invocation?.answer({ failure: { kind: 'responseTooLarge' } }),
      extensionRegistered: () => {},
      extensionsChanged: () => {
        this.#life.generation?.extensionsChanged();
        this.#goOn();
      },
      extensionFailed: (failure) => this.#life.generation?.extensionFailed(failure),
      exceeded: (limit) => {
        this.#life.claim?.parts.log.platform(`The execution environment ends: ${surfaceLimits[limit]}\n`);
        this.#life.lose({ kind: 'runtimeApiLimit', limit });
      },
    };
  }

  /** The runtime, or an extension, asked for its next event. When all of them have, the invocation is over. */
  #goOn(): void {
    const invocation = this.#invocation;
    if (this.phase !== 'busy' || invocation === undefined || invocation.isOver || !invocation.isRuntimeDone) return;
    if (this.#life.generation?.isWaiting) invocation.over();
    this.#background(this.#finish(invocation, invocation.isOver));
  }

  async #finish(invocation: Invocation, isOver: boolean): Promise<void> {
    await this.log.drain();
    this.#tellRuntimeDone(invocation);
    if (!isOver) return;
    if (this.phase === 'busy') this.#life.becomeIdle({ type: 'finished' });
    this.#conclude(invocation);
  }

  /** The processes are of no more use: fails what they were doing and resets the environment. */
  async #break(cause: FailureCause): Promise<void> {
    const invocation = this.#invocation;
    const isFirst = invocation !== undefined && !invocation.isOver;
    invocation?.over(cause);
    this.#life.reset(cause);
    if (!isFirst) return;
    // What is killed at once writes nothing more; extensions take their time, for which nobody is to wait.
    if (this.#life.generation?.hasExtensions !== true) await this.#life.resetting;
    await this.#life.claim?.parts.log.drain();
    this.#conclude(invocation);
  }

  #tellRuntimeDone(invocation: Invocation): void {
    const event = invocation.takeRuntimeDone();
    if (event !== undefined) this.#life.claim?.parts.log.event(event);
  }

  /** What fails here is a mistake of ours; it costs this environment, not the daemon. */
  #background(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#dependencies.onProblem('an environment failed', error);
      this.#life.lose({ kind: 'environmentGone', outOfMemory: false });
    });
  }

  #conclude(invocation: Invocation): void {
    if (this.#invocation !== invocation) return;
    this.#invocation = undefined;
    const { endedMs, failure } = invocation;
    if (this.#inlineInitMs !== undefined)
      this.#tellInit({ phase: 'invoke', durationMs: (endedMs ?? this.#inlineInitMs) - this.#inlineInitMs, cause: failure });
    invocation.begin();
    this.#tellRuntimeDone(invocation);
    const initDurationMs = this.#initDurationMs;
    this.#initDurationMs = undefined;
    const maxMemoryUsedMiB = this.#life.claim?.parts.peakMemoryMiB() ?? 0;
    const hasExtensions = this.#life.generation?.hasExtensions ?? false;
    invocation.end({ maxMemoryUsedMiB, hasExtensions, ...(initDurationMs === undefined ? {} : { initDurationMs }) });
  }

  #error(message: string): CloisterError {
    return new CloisterError('Internal', message, { operation: 'execution environment', ...(this.id === undefined ? {} : { path: this.id }) });
  }
}
