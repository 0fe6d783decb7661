import type { HostAgent } from '../agent/host-agent.ts';
import { CloisterError } from '../errors.ts';
import type { ShutdownReason } from '../runtime-api/extensions/extension-event.ts';
import type { InvocationEvent, RuntimeApiPort } from '../runtime-api/runtime-api-port.ts';
import type { ClaimedEnvironment } from './claimed-environment.ts';
import { destroyOnHost } from './destroy-on-host.ts';
import type { EnvironmentEvents, EnvironmentNotice } from './environment-events.ts';
import { type MakingDependencies, type MakingPort, makeEnvironment, stoppedWhileMade } from './environment-making.ts';
import type { EnvironmentOwner } from './environment-owner.ts';
import { allows, type EnvironmentEvent, type EnvironmentPhase, type EnvironmentState, transition } from './environment-state.ts';
import type { FailureCause } from './invocation-failure.ts';
import { ProcessGeneration } from './processes/process-generation.ts';

export interface EnvironmentDependencies extends MakingDependencies {
  readonly agent: MakingDependencies['agent'] & Pick<HostAgent, 'start' | 'signal' | 'reset' | 'setLimits' | 'destroy'>;
  readonly events: EnvironmentEvents;
  /** @default 10,000 in Lambda */
  readonly initTimeoutMs: number;
}

/** Who is told how the life goes on. */
export interface LifeListener {
  readonly runtimeApi: RuntimeApiPort;
  /** What runs is of no more use: a process of it ended, or all of it is lost. */
  broken(cause: FailureCause): void;
  /** Called once, when the environment has been lost outside of anybody's doing. */
  lost(): void;
}

/** From the making of an environment to its end: its state, its processes one generation after another, and when they run. It knows no invocations. */
export class EnvironmentLife {
  readonly #owner: EnvironmentOwner;
  readonly #dependencies: EnvironmentDependencies;
  readonly #listener: LifeListener;
  #state: EnvironmentState = { phase: 'opening' };
  #claim: ClaimedEnvironment | undefined;
  /** The host agent's latest name of what has been made. */
  #made: string | undefined;
  #makingDone: Promise<void> | undefined;
  #stopListening: (() => void) | undefined;
  #generation: ProcessGeneration | undefined;
  #resetting: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #lost: FailureCause | undefined;

  constructor(owner: EnvironmentOwner, dependencies: EnvironmentDependencies, listener: LifeListener) {
    this.#owner = owner;
    this.#dependencies = dependencies;
    this.#listener = listener;
  }

  get phase(): EnvironmentPhase {
    return this.#state.phase;
  }

  /** Undefined until it has been made. */
  get claim(): ClaimedEnvironment | undefined {
    return this.#claim;
  }

  /** Throws before it has been made. */
  get claimed(): ClaimedEnvironment {
    if (this.#claim === undefined)
      throw new CloisterError('Internal', 'the environment has not been claimed', { operation: 'execution environment' });
    return this.#claim;
  }

  get generation(): ProcessGeneration | undefined {
    return this.#generation;
  }

  /** Why it is of no more use; undefined as long as it is. */
  get loss(): FailureCause | undefined {
    return this.#lost;
  }

  get isEnding(): boolean {
    return this.#ending !== undefined;
  }

  get isUsable(): boolean {
    return this.#lost === undefined && !this.isEnding;
  }

  /** While its processes are being ended. */
  get resetting(): Promise<void> | undefined {
    return this.#state.phase === 'resetting' ? this.#resetting : undefined;
  }

  async make(): Promise<void> {
    this.#makingDone = this.#make();
    await this.#makingDone;
  }

  /**
   * Starts a generation of processes, with more CPU than an invocation gets; resolves when all of them wait, or with what went wrong. `whenLong` is
   * called when that takes longer than Lambda's limit.
   */
  async init(whenLong: (generation: ProcessGeneration) => void): Promise<FailureCause | undefined> {
    const { agent, clock, initTimeoutMs } = this.#dependencies;
    const { environmentId, variables, extensionNames, parts } = this.claimed;
    const generation = new ProcessGeneration({ agent, clock, environmentId, variables, extensions: () => parts.runtimeApi.extensions });
    this.#generation = generation;
    this.#advance({ type: 'start' });
    if (this.#lost !== undefined) generation.fail(this.#lost);
    await parts.runtimeApi.expectRuntime();
    await this.setLimits('init');
    const long = clock.schedule(initTimeoutMs, () => whenLong(generation));
    const failure = await generation.start(extensionNames).finally(() => long.cancel());
    if (failure !== undefined) return failure;
    // ORDER: no event is handed out before the quota holds.
    await this.setLimits('invoke');
    return generation.failure ?? this.#lost;
  }

  /** An environment that is being lost refuses: its loss is told on its own way. */
  async setLimits(phase: 'init' | 'invoke'): Promise<void> {
    try {
      await this.#dependencies.agent.setLimits({ environmentId: this.claimed.environmentId, phase });
    } catch (error) {
      if (this.isUsable) throw error;
    }
  }

  /** By the end of an init or an invocation: nothing is to run until the next event. */
  becomeIdle(event: Extract<EnvironmentEvent, { readonly type: 'initialised' | 'finished' }>): void {
    this.#advance(event);
    this.claimed.parts.freezer.settle();
  }

  /** Hands an event to the extensions and the runtime, which wait, frozen or not; or after an init of its own. Throws for another owner's. */
  deliver(event: InvocationEvent, owner: EnvironmentOwner): void {
    const { requestId, invokedFunctionArn, deadlineMs, traceId } = event;
    const { runtimeApi, freezer } = this.claimed.parts;
    if (this.#state.phase === 'starting') this.#advance({ type: 'initialised' });
    this.#advance({ type: 'invoke', requestId, owner });
    this.#generation?.runtimeWorks();
    // ORDER: the event is in the sockets when the processes are let run: they need not wait for it.
    runtimeApi.extensions.deliverInvoke({ requestId, invokedFunctionArn, deadlineMs, ...(traceId === undefined ? {} : { traceId }) });
    runtimeApi.deliver(event);
    freezer.release();
  }

  /** Ends every process but PID 1 as a shutdown does; /tmp stays. The next init starts them again. */
  reset(cause: FailureCause): void {
    if (!this.isUsable || !allows(this.#state, 'reset')) return;
    const { agent, onProblem } = this.#dependencies;
    const { environmentId } = this.claimed;
    this.#advance({ type: 'reset' });
    this.#resetting = this.#shutDown(cause.kind === 'timeout' || cause.kind === 'initTimeout' ? 'timeout' : 'failure')
      .then(() => (this.isUsable ? agent.reset(environmentId) : undefined))
      .then(
        () => {
          if (this.#state.phase === 'resetting') this.#advance({ type: 'resetDone' });
        },
        (error: unknown) => {
          if (this.isUsable) onProblem('a reset failed', error);
          this.lose({ kind: 'environmentGone', outOfMemory: false });
        },
      );
  }

  /** It is of no more use, by itself or by a mistake of ours: to be destroyed by whoever has it. */
  lose(cause: FailureCause): void {
    if (!this.isUsable) return;
    this.#lost = cause;
    this.#claim?.parts.freezer.hold();
    this.#claim?.parts.runtimeApi.suspend();
    this.#generation?.fail(cause);
    this.#listener.broken(cause);
    this.#listener.lost();
  }

  /** Ends it from whatever state it is in, its processes in an orderly way. `closing` runs when they have ended or need time for that. */
  end(closing: () => Promise<void>): Promise<void> {
    this.#ending ??= this.#end(closing);
    return this.#ending;
  }

  async #make(): Promise<void> {
    const port: MakingPort = {
      made: (id, event) => this.#madeOf(id, event),
      isEnding: () => this.isEnding,
      frozen: () => this.#advance({ type: 'freeze' }),
      runtimeApi: this.#listener.runtimeApi,
    };
    this.#claim = await makeEnvironment(this.#owner, this.#dependencies, port);
  }

  /** SECURITY: what has been made is known to `end` even when the environment was stopped while it was made. */
  #madeOf(id: string, event: EnvironmentEvent): void {
    this.#made = id;
    if (this.isEnding) throw stoppedWhileMade();
    this.#advance(event);
    if (event.type === 'prepared') this.#stopListening = this.#dependencies.events.listen(id, (notice) => this.#notice(notice));
  }

  #notice(notice: EnvironmentNotice): void {
    if (notice.event === 'environmentGone') {
      this.#generation?.gone();
      this.lose({ kind: 'environmentGone', outOfMemory: notice.outOfMemory });
      return;
    }
    const { processId, status, signal, outOfMemory } = notice;
    this.#generation?.exited(processId, { kind: 'exit', status, signal, outOfMemory });
    const failure = this.#generation?.failure;
    const { phase } = this.#state;
    if (failure !== undefined && (phase === 'idle' || phase === 'frozen' || phase === 'busy')) this.#listener.broken(failure);
  }

  async #end(closing: () => Promise<void>): Promise<void> {
    const wasLost = this.#lost !== undefined;
    this.#lost ??= { kind: 'stopped' };
    this.#advance({ type: 'stop' });
    this.#claim?.parts.freezer.hold();
    this.#claim?.parts.runtimeApi.suspend();
    this.#generation?.fail(this.#lost);
    // ORDER: a verb on its way may still make something; what is known only then must be destroyed too.
    await this.#makingDone?.catch(() => {});
    this.#claim?.parts.peakMemoryMiB();
    const isOrderly = !wasLost && this.#generation?.hasExtensions === true;
    if (isOrderly) await closing();
    if (!wasLost && this.#claim !== undefined)
      await this.#shutDown('spindown').catch((error: unknown) => this.#dependencies.onProblem('a shutdown failed', error));
    try {
      if (this.#made !== undefined) await destroyOnHost(this.#made, this.#dependencies);
      this.#advance({ type: 'stopped' });
    } finally {
      this.#stopListening?.();
      if (this.#made !== undefined) this.#dependencies.credentials.revoke(this.#made);
      await this.#claim?.parts.close();
      if (!isOrderly) await closing();
    }
  }

  /**
   * ORDER: the agent works on several messages at once, and a process that it starts after what follows would stay: no start is on its way then.
   * What is killed at once with the whole environment stays frozen: none of the function's code runs any more.
   */
  async #shutDown(reason: ShutdownReason): Promise<void> {
    const { runtimeApi, freezer, telemetry } = this.claimed.parts;
    runtimeApi.suspend();
    if (reason !== 'spindown' || this.#generation?.hasExtensions === true) freezer.release();
    telemetry.flush();
    await this.#generation?.shutdown(reason);
  }

  #advance(event: EnvironmentEvent): void {
    this.#state = transition(this.#state, event);
  }
}
