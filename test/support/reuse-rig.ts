import type { HostAgent } from '../../src/agent/host-agent.ts';
import { EnvironmentEvents } from '../../src/environment/environment-events.ts';
import type { EnvironmentDependencies } from '../../src/environment/environment-life.ts';
import { ExecutionEnvironment } from '../../src/environment/execution-environment.ts';
import { EnvironmentPool } from '../../src/environment/pool/environment-pool.ts';
import { FunctionInvoker } from '../../src/invoke/function-invoker.ts';
import { InvocationTraces } from '../../src/invoke/invocation-traces.ts';
import { FakeClock } from './fake-clock.ts';
import { generousPoolLimits, lambdaConcurrencyLimits } from './pool-limits.ts';
import type { ReuseRig } from './reuse-interleaving.ts';

/** The daemon's invoke path over a host agent, as `src/daemon` composes it, but on a clock of the test's and without a log. */
export function composeRig(
  agent: EnvironmentDependencies['agent'] & Pick<HostAgent, 'onEvent'>,
  host: Pick<ReuseRig, 'runtime' | 'codeDigest' | 'living' | 'kill'> & { readonly maxEnvironments: number },
): ReuseRig & { readonly problems: readonly string[] } {
  const clock = new FakeClock();
  const idleTimeoutMs = 900_000;
  const problems: string[] = [];
  const onProblem = (problem: string, cause: unknown): void => void problems.push(`${problem}: ${cause}`);
  const dependencies: EnvironmentDependencies = {
    agent,
    events: new EnvironmentEvents(agent),
    credentials: { issue: () => ({ accessKeyId: 'ASIA', secretAccessKey: 'secret', sessionToken: 'token' }), revoke: () => {} },
    openLog: () => ({ append: () => {}, congestion: () => undefined, close: () => {} }),
    clock,
    region: 'us-east-1',
    initTimeoutMs: 10_000,
    streamLimits: { maxBytes: 209_715_200 },
    onProblem,
  };
  const pool = new EnvironmentPool<ExecutionEnvironment>({
    create: (owner) => new ExecutionEnvironment(owner, dependencies),
    clock,
    ...generousPoolLimits,
    waiting: { maxWaitMs: 1_000, maxWaitingPerAccount: 4 },
    lifetimeOf: () => ({ idleTimeoutMs, maxAgeMs: 28_800_000 }),
    maxEnvironments: host.maxEnvironments,
    onProblem,
  });
  return {
    ...host,
    invoker: new FunctionInvoker({ pool, clock, limits: lambdaConcurrencyLimits(clock), traces: new InvocationTraces({ clock, random: () => 0.5 }) }),
    clock,
    idleTimeoutMs,
    problems,
  };
}
