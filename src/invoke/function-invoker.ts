import type { Clock } from '../environment/clock.ts';
import { EnvironmentOwner } from '../environment/environment-owner.ts';
import type { ExecutionEnvironment } from '../environment/execution-environment.ts';
import type { InvocationAnswer, InvocationEnd } from '../environment/invocation.ts';
import { type RenderedFailure, renderFailure, streamErrorCode } from '../environment/invocation-failure.ts';
import type { EnvironmentPool } from '../environment/pool/environment-pool.ts';
import { CloisterError } from '../errors.ts';
import type { ConcurrencyLimits } from './concurrency-limits.ts';
import { reportEvent, startEvent } from './invocation-events.ts';
import type { InvocationTraces } from './invocation-traces.ts';
import { InvokedImages } from './invoked-images.ts';
import type { EnvironmentSummary, InvokeRequest, InvokeResult, Invoker, StreamCompletion, StreamedInvokeResult } from './invoker.ts';

export interface FunctionInvokerOptions {
  readonly pool: EnvironmentPool<ExecutionEnvironment>;
  readonly clock: Clock;
  readonly limits: ConcurrencyLimits;
  readonly traces: InvocationTraces;
}

type TracedRequest = InvokeRequest & { readonly traceHeader: string };

interface BegunInvocation {
  readonly environment: ExecutionEnvironment;
  readonly answer: InvocationAnswer;
  /** The log's tail, if one is kept, when the environment has done and REPORT is written. */
  readonly reported: Promise<Buffer>;
}

/** Runs invocations in environments of the pool and writes their START, END and REPORT lines. */
export class FunctionInvoker implements Invoker {
  readonly #pool: EnvironmentPool<ExecutionEnvironment>;
  readonly #clock: Clock;
  readonly #limits: ConcurrencyLimits;
  readonly #traces: InvocationTraces;
  readonly #images = new InvokedImages();

  constructor(options: FunctionInvokerOptions) {
    this.#pool = options.pool;
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#traces = options.traces;
  }

  async invoke(request: InvokeRequest): Promise<InvokeResult> {
    using _images = this.#images.hold(request.function);
    const traceHeader = this.#traces.enter(request.function, request.traceHeader);
    using _taken = await this.#limits.enter({ function: request.function, isEvent: request.isEvent === true });
    return { ...(await this.#run({ ...request, traceHeader })), traceHeader };
  }

  async invokeStreaming(request: InvokeRequest): Promise<StreamedInvokeResult> {
    using _images = this.#images.hold(request.function);
    const traceHeader = this.#traces.enter(request.function, request.traceHeader);
    using taken = new DisposableStack();
    taken.use(await this.#limits.enter({ function: request.function, isEvent: false }));
    const traced = { ...request, traceHeader };
    const result = this.#streamedResult(traced, await this.#begin(traced, 'streaming'));
    const kept = taken.move();
    void result.completed.finally(() => kept.dispose());
    return { ...result, traceHeader };
  }

  async #run(request: TracedRequest): Promise<Omit<InvokeResult, 'traceHeader'>> {
    const { environment, answer, reported } = await this.#begin(request);
    this.#pool.finishing(environment);
    const result = this.#result(request, answer);
    return request.logTail ? { ...result, logTail: await reported } : result;
  }

  async #begin(request: TracedRequest, responseMode?: 'streaming'): Promise<BegunInvocation> {
    const { tenantId } = request;
    const owner = EnvironmentOwner.of(request.function, tenantId);
    const environment = await this.#acquire(owner);
    const { log } = environment;
    if (request.logTail) log.beginTail();
    const invocation = environment.invoke(owner, {
      requestId: request.requestId,
      payload: request.payload,
      invokedFunctionArn: request.invokedFunctionArn,
      deadlineMs: this.#clock.wallMs() + request.function.timeoutSeconds * 1_000,
      traceId: request.traceHeader,
      ...(request.clientContext === undefined ? {} : { clientContext: request.clientContext }),
      ...(tenantId === undefined ? {} : { tenantId }),
      ...(responseMode === undefined ? {} : { responseMode }),
    });
    // ORDER: as in Lambda, what an init within the invocation had to tell comes before.
    invocation.onBegin(() => log.event(startEvent(request)));
    const reported = invocation.ended.then((end) => this.#report(request, environment, end));
    return { environment, answer: await invocation.answered, reported };
  }

  retire(target: { readonly accountId: string; readonly functionName: string; readonly version?: string }): void {
    this.#pool.retire(
      (fn) =>
        fn.accountId === target.accountId &&
        fn.functionName === target.functionName &&
        (target.version === undefined || fn.version === target.version),
    );
  }

  needsImage(image: { readonly accountId: string; readonly digest: string }): boolean {
    return this.#images.has(image);
  }

  listEnvironments(): readonly EnvironmentSummary[] {
    return this.#pool.list().flatMap((environment) => {
      const { id, owner, phase, createdAtMs } = environment;
      if (id === undefined) return [];
      const { accountId, functionName, version, isolation, memorySizeMiB } = owner.function;
      const tenant = owner.tenantId === undefined ? {} : { tenantId: owner.tenantId };
      const createdAt = new Date(createdAtMs).toISOString();
      return [{ id, accountId, functionName, version, ...tenant, state: phase, driver: isolation, memoryMiB: memorySizeMiB, createdAt }];
    });
  }

  async stopEnvironment(id: string): Promise<boolean> {
    const environment = this.#pool.list().find((candidate) => candidate.id === id);
    if (environment === undefined) return false;
    await this.#pool.destroy(environment);
    return true;
  }

  /** Takes no more invocations; running ones get up to `graceMs`; then ends every environment. */
  async stop(graceMs: number): Promise<void> {
    await this.#pool.stop(graceMs);
  }

  async #acquire(owner: EnvironmentOwner): Promise<ExecutionEnvironment> {
    try {
      return await this.#pool.acquire(owner);
    } catch (error) {
      throw refusal(error);
    }
  }

  #result(request: InvokeRequest, answer: InvocationAnswer): Omit<InvokeResult, 'traceHeader'> {
    const executedVersion = request.function.version;
    if ('payload' in answer) return { payload: answer.payload, executedVersion };
    // A buffered event has no streamed answer: its Runtime API takes every response as a whole.
    if ('stream' in answer) throw new CloisterError('Internal', 'a buffered invocation was answered by a stream', { operation: 'invoke' });
    const { payload, report } = renderFailure(answer.failure, this.#failureContext(request));
    return {
      payload,
      functionError: 'Unhandled',
      executedVersion,
      ...(answer.failure.kind === 'stopped' ? { interrupted: true } : {}),
      ...(report?.status === 'timeout' ? { timedOut: true } : {}),
    };
  }

  #streamedResult(request: InvokeRequest, { environment, answer, reported }: BegunInvocation): Omit<StreamedInvokeResult, 'traceHeader'> {
    const executedVersion = request.function.version;
    const complete = async (error?: StreamCompletion['error']): Promise<StreamCompletion> => {
      this.#pool.finishing(environment);
      return { ...(error === undefined ? {} : { error }), ...(request.logTail ? { logTail: await reported } : {}) };
    };
    if ('stream' in answer) {
      const { contentType, body, ended } = answer.stream;
      const completed = ended.then((cause) => {
        const details = cause && renderFailure(cause, this.#failureContext(request)).payload;
        return complete(cause === undefined || details === undefined ? undefined : { code: streamErrorCode(cause), details });
      });
      return { executedVersion, contentType, body, completed };
    }
    if ('payload' in answer) {
      return { executedVersion, contentType: answer.contentType, body: onePiece(answer.payload), completed: complete() };
    }
    const { payload, report } = renderFailure(answer.failure, this.#failureContext(request));
    return {
      executedVersion,
      contentType: 'application/json',
      body: onePiece(payload),
      failed: report?.status === 'timeout' ? 'timeout' : 'error',
      completed: complete({ code: 'Unhandled', details: payload }),
    };
  }

  /** Writes END and REPORT, gives the environment back, and returns the tail if one was kept. */
  #report(request: InvokeRequest, environment: ExecutionEnvironment, end: InvocationEnd): Buffer {
    const { log } = environment;
    const failure: RenderedFailure | undefined = end.failure && renderFailure(end.failure, this.#failureContext(request));
    if (failure?.logLine !== undefined) log.platform(failure.logLine);
    log.event(reportEvent(request, end));
    const tail = log.endTail();
    this.#release(environment);
    return tail;
  }

  /** Whoever comes next does not wait in it for processes that end. */
  #release(environment: ExecutionEnvironment): void {
    const { resetting } = environment;
    if (resetting === undefined) this.#pool.release(environment);
    else void resetting.then(() => this.#pool.release(environment));
  }

  #failureContext(request: InvokeRequest): { requestId: string; timeoutSeconds: number; wallMs: number } {
    return { requestId: request.requestId, timeoutSeconds: request.function.timeoutSeconds, wallMs: this.#clock.wallMs() };
  }
}

async function* onePiece(payload: Buffer): AsyncGenerator<Buffer, void, undefined> {
  if (payload.length > 0) yield payload;
}

/** What the control API is told when no environment could be had. */
function refusal(error: unknown): CloisterError {
  const operation = 'invoke';
  if (!(error instanceof CloisterError)) return new CloisterError('Internal', 'no execution environment could be made', { operation, cause: error });
  switch (error.code) {
    case 'NoCapacity':
    case 'ScalingRateReached':
    case 'ShuttingDown':
    case 'HostUnfit':
      return error;
    case 'WallUnavailable':
      return new CloisterError('HostUnfit', 'a wall cannot be set up on this host', { operation, cause: error });
    case 'AgentGone':
    case 'EnvironmentGone':
      return new CloisterError('ShuttingDown', 'execution environments are being ended', { operation, cause: error });
    default:
      return new CloisterError('Internal', 'no execution environment could be made', { operation, cause: error });
  }
}
