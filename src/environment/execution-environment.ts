import type { ClaimedDescriptors, HostAgent } from '../agent/host-agent.ts';
import type { RuntimeSummary } from '../agent/messages.ts';
import { CloisterError } from '../errors.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import type { InvocationEvent, RuntimeApiPort } from '../runtime-api/runtime-api-port.ts';
import { surfaceLimits } from '../runtime-api/surface-guard.ts';
import type { Clock } from './clock.ts';
import type { EnvironmentEvents, EnvironmentNotice } from './environment-events.ts';
import type { EnvironmentLog } from './environment-log.ts';
import type { EnvironmentOwner } from './environment-owner.ts';
import { closeDescriptors, EnvironmentParts } from './environment-parts.ts';
import { allows, type EnvironmentEvent, type EnvironmentPhase, type EnvironmentState, transition } from './environment-state.ts';
import { environmentVariables } from './environment-variables.ts';
import { type InitFacts, initReportEvent, initStartEvent } from './init-events.ts';
import { Invocation } from './invocation.ts';
import type { FailureCause } from './invocation-failure.ts';
import type { LogSink, LogStreamName } from './log-sink.ts';
import { logStreamName } from './log-stream-name.ts';
import { RuntimeStart } from './runtime-start.ts';
import type { SessionCredentials } from './session-credentials.ts';

export interface EnvironmentDependencies {
  readonly agent: Pick<HostAgent, 'listRuntimes' | 'openSlot' | 'prepare' | 'claim' | 'start' | 'reset' | 'setLimits' | 'destroy'>;
  readonly events: EnvironmentEvents;
  readonly credentials: SessionCredentials;
  readonly openLog: (name: LogStreamName) => LogSink;
  readonly clock: Clock;
  readonly region: string;
  /** @default 10,000 in Lambda */
  readonly initTimeoutMs: number;
  /** Told what no client will hear of: failed resets and destructions. */
  readonly onProblem: (problem: string, cause: unknown) => void;
}

/** What a claim brought, and what was made of it. */
interface Claim {
  readonly environmentId: string;
  readonly init: InitFacts;
  readonly variables: Readonly<Record<string, string>>;
  readonly parts: EnvironmentParts;
}

const destroyAttempts = 3;
const destroyRetryMs = 200;

/** One execution environment, made for one owner and never used for another; serves one invocation at a time. */
export class ExecutionEnvironment {
  readonly owner: EnvironmentOwner;
  readonly createdAtMs: number;
  readonly #dependencies: EnvironmentDependencies;
  #state: EnvironmentState = { phase: 'opening' };
  #claim: Claim | undefined;
  /** The host agent's latest name of what has been made. */
  #made: string | undefined;
  #stopListening: (() => void) | undefined;
  #makingDone: Promise<void> | undefined;
  #runtimeStart: RuntimeStart | undefined;
  #invocation: Invocation | undefined;
  #startVerb: Promise<unknown> = Promise.resolve();
  #resetting: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #lost: FailureCause | undefined;
  #initDurationMs: number | undefined;
  #onLost: () => void = () => {};

  constructor(owner: EnvironmentOwner, dependencies: EnvironmentDependencies) {
    this.owner = owner;
    this.#dependencies = dependencies;
    this.createdAtMs = dependencies.clock.wallMs();
  }

  get function(): FunctionVersion {
    return this.owner.function;
  }

  /** The host agent's name of it, once it has one. */
  get id(): string | undefined {
    return this.#claim?.environmentId;
  }

  get phase(): EnvironmentPhase {
    return this.#state.phase;
  }

  /** Whether another invocation may come. */
  get isUsable(): boolean {
    return this.#lost === undefined && this.#ending === undefined;
  }

  get log(): EnvironmentLog {
    return this.#claimed().parts.log;
  }

  /** Called once, when the environment has been lost outside of anybody's doing. */
  onLost(listener: () => void): void {
    this.#onLost = listener;
  }

  /** Makes the environment and runs its first init. A failing init is no failure of this: it is run again with the first invocation. */
  async start(): Promise<void> {
    this.#makingDone = this.#make();
    await this.#makingDone;
    await this.#firstInit();
  }

  /** Gives the environment, which must be free, one event of its owner. Throws for any other owner's. */
  invoke(owner: EnvironmentOwner, event: InvocationEvent): Invocation {
    if (!this.owner.is(owner)) throw this.#error('Internal', 'the environment belongs to another owner');
    if (this.#invocation !== undefined) throw this.#error('Internal', 'the environment is busy');
    const { clock } = this.#dependencies;
    const invocation = new Invocation(event, clock.monotonicMs());
    this.#invocation = invocation;
    if (this.#lost !== undefined) {
      this.#background(this.#break(this.#lost));
      return invocation;
    }
    invocation.limit(clock.schedule(this.function.timeoutSeconds * 1_000, () => this.#background(this.#break({ kind: 'timeout' }))));
    if (this.#state.phase === 'idle') this.#deliver(invocation);
    else void this.#startFor(invocation);
    return invocation;
  }

  /** Ends the environment from whatever state it is in; a running invocation fails. A second call waits for the first. */
  destroy(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #make(): Promise<void> {
    const { agent, events } = this.#dependencies;
    const fn = this.function;
    const summaries = agent.listRuntimes();
    summaries.catch(() => {});
    const slotId = await agent.openSlot({ driver: fn.isolation, tmpSizeMiB: fn.ephemeralStorageMiB });
    this.#making(slotId, { type: 'slotOpened', slotId });
    const runtime = (await summaries).find((summary) => summary.name === fn.runtime);
    if (runtime === undefined) throw this.#error('NotFound', `runtime ${fn.runtime} is not built on this host`);
    const environmentId = await agent.prepare({ slotId, runtime: fn.runtime, memorySizeMiB: fn.memorySizeMiB, accountId: fn.accountId });
    this.#making(environmentId, { type: 'prepared', environmentId });
    this.#stopListening = events.listen(environmentId, (notice) => this.#notice(notice));
    const { accountId, functionName, version } = fn;
    const { tenantId } = this.owner;
    const owner = { accountId, functionName, version, ...(tenantId === undefined ? {} : { tenantId }) };
    const layers = fn.layers.map((layer) => ({ accountId: layer.accountId, digest: layer.digest }));
    const descriptors = await agent.claim({ environmentId, owner, codeDigest: fn.codeDigest, layers });
    if (this.#ending !== undefined) {
      closeDescriptors(descriptors);
      throw this.#stoppedError();
    }
    this.#claim = await this.#wire(environmentId, runtime, descriptors);
    this.#making(environmentId, { type: 'claimed', owner: this.owner });
  }

  /** SECURITY: what has been made is known to `destroy` even when the environment was stopped while it was made. */
  #making(id: string, event: EnvironmentEvent): void {
    this.#made = id;
    if (this.#ending !== undefined) throw this.#stoppedError();
    this.#advance(event);
  }

  async #wire(environmentId: string, runtime: RuntimeSummary, descriptors: ClaimedDescriptors): Promise<Claim> {
    const { clock, credentials, openLog, region } = this.#dependencies;
    const { accountId, logGroup, version } = this.function;
    const logStream = logStreamName(version, clock.wallMs());
    const sink = openLog({ accountId, logGroup, logStream });
    const parts = await EnvironmentParts.open({ descriptors, sink, clock, port: this.#runtimePort(), function: this.function });
    const issued = credentials.issue(environmentId, accountId);
    return {
      environmentId,
      init: { function: this.function, runtime, region, logStream, initializationType: 'on-demand' },
      parts,
      variables: environmentVariables({ function: this.function, runtime, region, logStream, credentials: issued }),
    };
  }

  async #firstInit(): Promise<void> {
    const { clock } = this.#dependencies;
    const { init, parts } = this.#claimed();
    parts.log.event(initStartEvent(init, 'init'));
    const startedMs = clock.monotonicMs();
    const failure = await this.#startRuntime((start) => start.settle({ kind: 'initTimeout' }));
    const durationMs = clock.monotonicMs() - startedMs;
    if (this.#ending !== undefined) throw this.#stoppedError();
    if (failure === undefined) {
      this.#initDurationMs = durationMs;
      this.#advance({ type: 'initialised' });
      return;
    }
    this.#reset();
    await this.#resetting;
    await parts.log.drain();
    parts.log.event(initReportEvent(init, { phase: 'init', durationMs, cause: failure }));
  }

  /** An environment that is being lost refuses: its loss is told on its own way. */
  async #setLimits(phase: 'init' | 'invoke'): Promise<void> {
    try {
      await this.#dependencies.agent.setLimits({ environmentId: this.#claimed().environmentId, phase });
    } catch (error) {
      if (this.isUsable) throw error;
    }
  }

  /** Starts the runtime's process and waits for its first `next`, with more CPU than an invocation gets: resolves with what went wrong, if anything did. */
  async #startRuntime(whenInitIsLong: (start: RuntimeStart) => void): Promise<FailureCause | undefined> {
    const { clock, initTimeoutMs } = this.#dependencies;
    const start = new RuntimeStart();
    this.#runtimeStart = start;
    this.#advance({ type: 'start' });
    if (this.#lost !== undefined) start.settle(this.#lost);
    await this.#claimed().parts.runtimeApi.expectRuntime();
    await this.#setLimits('init');
    const long = clock.schedule(initTimeoutMs, () => whenInitIsLong(start));
    const failure = await this.#runToReady(start).finally(() => long.cancel());
    if (failure !== undefined) return failure;
    // ORDER: no event is handed out before the quota holds.
    await this.#setLimits('invoke');
    return start.exit ?? this.#lost;
  }

  async #runToReady(start: RuntimeStart): Promise<FailureCause | undefined> {
    if (start.isSettled) return await start.outcome;
    const { environmentId, variables } = this.#claimed();
    try {
      const processId = this.#dependencies.agent.start({ environmentId, process: { kind: 'runtime' }, environment: { ...variables } });
      this.#startVerb = processId.catch(() => {});
      start.started(await processId);
    } catch (error) {
      // The agent's words for a bootstrap that is missing or cannot be executed: the function's fault, not the host's.
      const isEntrypoint = error instanceof CloisterError && error.code === 'NotFound';
      if (!start.isSettled && !isEntrypoint) throw error;
      start.settle({ kind: 'invalidEntrypoint' });
    }
    return await start.outcome;
  }

  /** Init within an invocation: after a failed first init, a time-out or a crash. It runs under the function's own time limit. */
  async #startFor(invocation: Invocation): Promise<void> {
    const { clock, onProblem } = this.#dependencies;
    const startedMs = clock.monotonicMs();
    try {
      await this.#resetting;
      if (invocation.isOver) return;
      const slowDown = () => this.#background(this.#setLimits('invoke'));
      const failure = await this.#startRuntime(slowDown);
      if (invocation.isOver) return;
      if (failure === undefined) {
        this.#advance({ type: 'initialised' });
        this.#deliver(invocation);
        return;
      }
      const { init, parts } = this.#claimed();
      await parts.log.drain();
      parts.log.event(initReportEvent(init, { phase: 'invoke', durationMs: clock.monotonicMs() - startedMs, cause: failure }));
      await this.#break(failure);
    } catch (error) {
      onProblem('starting a runtime again failed', error);
      this.#lose({ kind: 'environmentGone', outOfMemory: false });
    }
  }

  #deliver(invocation: Invocation): void {
    this.#advance({ type: 'invoke', requestId: invocation.event.requestId, owner: this.owner });
    this.#claimed().parts.runtimeApi.deliver(invocation.event);
  }

  #runtimePort(): RuntimeApiPort {
    return {
      ready: () => this.#ready(),
      initFailed: (failure) => this.#runtimeStart?.settle({ kind: 'initError', ...failure }),
      extensionRegistered: () => {},
      extensionsChanged: () => {},
      extensionFailed: () => {},
      responded: (payload) => this.#invocation?.answer({ payload }),
      failed: (failure) => this.#invocation?.answer({ failure: { kind: 'functionError', ...failure } }),
      exceeded: (limit) => {
        this.#claim?.parts.log.platform(`The execution environment ends: ${surfaceLimits[limit]}\n`);
        this.#lose({ kind: 'runtimeApiLimit', limit });
      },
      respondedTooMuch: () => this.#invocation?.answer({ failure: { kind: 'responseTooLarge' } }),
    };
  }

  #ready(): void {
    if (this.#state.phase === 'starting') this.#runtimeStart?.settle(undefined);
    else if (this.#state.phase === 'busy') this.#background(this.#finish());
  }

  /** The runtime has asked for its next event: the invocation is over. */
  async #finish(): Promise<void> {
    const invocation = this.#invocation;
    if (invocation === undefined || invocation.isOver) return;
    invocation.over(this.#dependencies.clock.monotonicMs());
    await this.#claimed().parts.log.drain();
    if (this.#state.phase === 'busy') this.#advance({ type: 'finished' });
    this.#conclude(invocation);
  }

  /** The runtime is of no more use: fails what it was doing and resets the environment. */
  async #break(cause: FailureCause): Promise<void> {
    const invocation = this.#invocation;
    const isFirst = invocation !== undefined && !invocation.isOver;
    invocation?.over(this.#dependencies.clock.monotonicMs(), cause);
    if (this.isUsable && allows(this.#state, 'reset')) this.#reset();
    if (!isFirst) return;
    await this.#resetting;
    await this.#claim?.parts.log.drain();
    this.#conclude(invocation);
  }

  /** What fails here is a mistake of ours; it costs this environment, not the daemon. */
  #background(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#dependencies.onProblem('an environment failed', error);
      this.#lose({ kind: 'environmentGone', outOfMemory: false });
    });
  }

  #conclude(invocation: Invocation): void {
    if (this.#invocation === invocation) this.#invocation = undefined;
    const initDurationMs = this.#initDurationMs;
    this.#initDurationMs = undefined;
    const maxMemoryUsedMiB = this.#claim?.parts.peakMemoryMiB() ?? 0;
    invocation.end({ maxMemoryUsedMiB, ...(initDurationMs === undefined ? {} : { initDurationMs }) });
  }

  /** Ends every process but PID 1; /tmp stays. The next invocation starts the runtime again. */
  #reset(): void {
    const { agent, onProblem } = this.#dependencies;
    const { environmentId, parts } = this.#claimed();
    if (!this.isUsable) return;
    this.#advance({ type: 'reset' });
    parts.runtimeApi.suspend();
    this.#runtimeStart?.settle({ kind: 'exit', status: null, signal: null, outOfMemory: false });
    this.#runtimeStart = undefined;
    // ORDER: the agent works on several messages at once, and a process that it starts after the reset would stay.
    this.#resetting = this.#startVerb
      .then(() => (this.isUsable ? agent.reset(environmentId) : undefined))
      .then(
        () => {
          if (this.#state.phase === 'resetting') this.#advance({ type: 'resetDone' });
        },
        (error: unknown) => {
          if (this.isUsable) onProblem('a reset failed', error);
          this.#lose({ kind: 'environmentGone', outOfMemory: false });
        },
      );
  }

  #notice(notice: EnvironmentNotice): void {
    if (notice.event === 'environmentGone') {
      this.#lose({ kind: 'environmentGone', outOfMemory: notice.outOfMemory });
      return;
    }
    const cause: FailureCause = { kind: 'exit', status: notice.status, signal: notice.signal, outOfMemory: notice.outOfMemory };
    if (this.#runtimeStart === undefined || !this.#runtimeStart.exited(notice.processId, cause)) return;
    if (this.#state.phase === 'idle' || this.#state.phase === 'busy') this.#background(this.#break(cause));
  }

  #lose(cause: FailureCause): void {
    if (this.#lost !== undefined || this.#ending !== undefined) return;
    this.#lost = cause;
    this.#claim?.parts.runtimeApi.suspend();
    this.#runtimeStart?.settle(cause);
    this.#background(this.#break(cause));
    this.#onLost();
  }

  async #end(): Promise<void> {
    const { credentials, clock } = this.#dependencies;
    const cause: FailureCause = this.#lost ?? { kind: 'stopped' };
    const running = this.#invocation;
    this.#lost = cause;
    this.#advance({ type: 'stop' });
    this.#claim?.parts.runtimeApi.suspend();
    this.#runtimeStart?.settle(cause);
    running?.over(clock.monotonicMs(), cause);
    // ORDER: a verb on its way may still make something; what is known only then must be destroyed too.
    await this.#makingDone?.catch(() => {});
    this.#claim?.parts.peakMemoryMiB();
    try {
      if (this.#made !== undefined) await this.#destroyOnHost(this.#made);
      this.#advance({ type: 'stopped' });
    } finally {
      this.#stopListening?.();
      if (this.#claim !== undefined) credentials.revoke(this.#claim.environmentId);
      await this.#claim?.parts.close();
      if (running !== undefined) this.#conclude(running);
    }
  }

  async #destroyOnHost(id: string): Promise<void> {
    const { agent, clock, onProblem } = this.#dependencies;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await agent.destroy(id);
        return;
      } catch (error) {
        // No environment outlives its agent: PID 1 ends with the agent's end of its socket.
        if (error instanceof CloisterError && error.code === 'AgentGone') return;
        onProblem(`destroying ${id} failed, attempt ${attempt} of ${destroyAttempts}`, error);
        if (attempt === destroyAttempts) throw error;
        await new Promise<void>((resolve) => {
          clock.schedule(destroyRetryMs, resolve);
        });
      }
    }
  }

  #advance(event: EnvironmentEvent): void {
    this.#state = transition(this.#state, event);
  }

  #claimed(): Claim {
    if (this.#claim === undefined) throw this.#error('Internal', 'the environment has not been claimed');
    return this.#claim;
  }

  #stoppedError(): CloisterError {
    return this.#error('EnvironmentGone', 'the environment was stopped while it was made');
  }

  #error(code: 'Internal' | 'NotFound' | 'EnvironmentGone', message: string): CloisterError {
    return new CloisterError(code, message, { operation: 'execution environment', ...(this.id === undefined ? {} : { path: this.id }) });
  }
}
