import { EnvironmentEvents } from '../../src/environment/environment-events.ts';
import { EnvironmentOwner } from '../../src/environment/environment-owner.ts';
import { ExecutionEnvironment } from '../../src/environment/execution-environment.ts';
import type { Invocation } from '../../src/environment/invocation.ts';
import type { FunctionVersion } from '../../src/functions/function-version.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeHostAgent, type RuntimeProgram } from './fake-host-agent.ts';
import { functionVersion } from './function-version.ts';

export interface LifeRigOptions {
  readonly extensions?: Readonly<Record<string, RuntimeProgram>>;
  readonly function?: Partial<FunctionVersion>;
}

/** One execution environment over a host agent of the test's, with a clock that only the test moves. */
export class LifeRig {
  readonly clock = new FakeClock();
  readonly agent: FakeHostAgent;
  readonly environment: ExecutionEnvironment;
  readonly owner: EnvironmentOwner;
  readonly lines: string[] = [];
  readonly problems: string[] = [];
  #requests = 0;

  constructor(program: RuntimeProgram, options: LifeRigOptions = {}) {
    this.agent = new FakeHostAgent(program, { extensions: options.extensions ?? {} });
    this.owner = EnvironmentOwner.of(functionVersion(options.function));
    this.environment = new ExecutionEnvironment(this.owner, {
      agent: this.agent,
      events: new EnvironmentEvents(this.agent),
      credentials: { issue: () => ({ accessKeyId: 'ASIA', secretAccessKey: 'secret', sessionToken: 'token' }), revoke: () => {} },
      openLog: () => ({ append: (_timestampMs, message) => void this.lines.push(message), congestion: () => undefined, close: () => {} }),
      clock: this.clock,
      region: 'us-east-1',
      initTimeoutMs: 10_000,
      streamLimits: { maxBytes: 209_715_200 },
      onProblem: (problem, cause) => void this.problems.push(`${problem}: ${cause}`),
    });
  }

  /** What is written to the environment's freezer so far. */
  get freezerWrites(): readonly string[] {
    return this.environment.id === undefined ? [] : this.agent.freezerWrites(this.environment.id);
  }

  invoke(payload = '"event"'): Invocation {
    this.#requests += 1;
    const { timeoutSeconds, functionArn } = this.owner.function;
    return this.environment.invoke(this.owner, {
      requestId: `request-${this.#requests}`,
      payload: Buffer.from(payload),
      invokedFunctionArn: functionArn,
      deadlineMs: this.clock.wallMs() + timeoutSeconds * 1_000,
    });
  }

  /** The answer's text, of a function that failed or did not. */
  async answer(invocation: Invocation): Promise<string> {
    const answer = await invocation.answered;
    if ('stream' in answer) throw new Error('a buffered invocation was answered by a stream');
    return 'payload' in answer ? answer.payload.toString() : `failure ${JSON.stringify(answer.failure)}`;
  }

  /** Ends what the test has left. */
  async close(): Promise<void> {
    const ended = this.environment.destroy();
    for (let turn = 0; turn < 100; turn += 1) {
      this.clock.advance(100);
      await eventLoopTurn();
    }
    await ended;
    this.agent[Symbol.dispose]();
  }
}

/** Waits until what is going on in sockets and promises has come so far; fails when it does not. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const limitMs = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > limitMs) throw new Error(`never: ${what}`);
    await eventLoopTurn();
  }
}

/** Lets everything happen that is on its way without the clock: to see that something does not. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await eventLoopTurn();
}

function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
