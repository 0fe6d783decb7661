import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { AgentClient } from '../agent/agent-client.ts';
import { AwsClients } from '../aws/aws-clients.ts';
import { AwsEventSender } from '../aws/aws-event-sender.ts';
import { createControlApi } from '../control-api/create-control-api.ts';
import { SessionCredentials } from '../control-api/sigv4/session-credentials.ts';
import { StoredEventTargets } from '../control-api/stored-event-targets.ts';
import { systemClock } from '../environment/clock.ts';
import { EnvironmentEvents } from '../environment/environment-events.ts';
import { EnvironmentOwner } from '../environment/environment-owner.ts';
import { ExecutionEnvironment } from '../environment/execution-environment.ts';
import { EnvironmentPool } from '../environment/pool/environment-pool.ts';
import { TokenBudget } from '../environment/token-budget.ts';
import { lifetimeOf } from '../functions/environment-lifetime.ts';
import { ConcurrencyLimits } from '../invoke/concurrency-limits.ts';
import { AsynchronousInvoker } from '../invoke/events/asynchronous-invoker.ts';
import { lambdaRetryDelayMs } from '../invoke/events/event-policy.ts';
import { FunctionInvoker } from '../invoke/function-invoker.ts';
import { InvocationTraces } from '../invoke/invocation-traces.ts';
import { Provisioner } from '../invoke/provisioner.ts';
import type { StreamLimits } from '../runtime-api/response-stream.ts';
import { LogStore } from '../storage/logs/log-store.ts';
import { openStorage, type Storage } from '../storage/open-storage.ts';
import type { DaemonConfiguration } from './daemon-configuration.ts';
import { endpointUrl } from './endpoint-url.ts';
import { reportProblem } from './report-problem.ts';

/** Lambda's limit of the init phase. */
const initTimeoutMs = 10_000;

/** Half of the environments at most serve events, so that there is room for who waits for an answer. */
const eventLimits = { concurrentDeliveries: 16, maxEventsPerAccount: 100_000, maxBytesPerAccount: 1_073_741_824 };

/** Each holds its payload, of up to 6 MiB, in the daemon's memory. */
const maxWaitingPerAccount = 64;

/** When the agent is gone nothing can be waited for but answers that are on their way. */
const answerTimeMs = 1_000;

interface Parts {
  readonly app: FastifyInstance;
  readonly invoker: FunctionInvoker;
  readonly events: AsynchronousInvoker;
  readonly provisioner: Provisioner;
  readonly storage: Storage;
  readonly logs: LogStore;
  readonly aws: AwsClients;
}

/** Composes the unprivileged side, serves, and tells the agent. Resolves with the exit status once the daemon has been asked to end, and has ended. */
export async function startDaemon(configuration: DaemonConfiguration, shutdownAsked: Promise<void>): Promise<number> {
  const gone = Promise.withResolvers<'gone'>();
  const asked = Promise.withResolvers<'asked'>();
  const agent = new AgentClient({
    control: configuration.agentControl,
    descriptors: configuration.agentDescriptors,
    onGone: () => gone.resolve('gone'),
  });
  agent.onEvent((event) => {
    if (event.event === 'shutdown') asked.resolve('asked');
  });
  void shutdownAsked.then(() => asked.resolve('asked'));
  const parts = await compose(configuration, agent);
  await serve(configuration, agent, parts);
  const reason = await Promise.race([gone.promise, asked.promise]);
  if (reason === 'gone') reportProblem('the host agent has ended: failing what runs');
  await end(parts, reason === 'gone' ? 0 : configuration.shutdownGraceMs);
  return reason === 'gone' ? 1 : 0;
}

async function compose(configuration: DaemonConfiguration, agent: AgentClient): Promise<Parts> {
  const { dataDirectory, region, lifetimes, maxEnvironments, concurrency } = configuration;
  const storage = await openStorage({ dataDir: dataDirectory, region, clock: Date.now });
  const logs = new LogStore({ directory: join(dataDirectory, 'logs'), onProblem: reportProblem });
  // Nobody waits for it: what was there before only has to be counted before long.
  logs.start().catch((error: unknown) => reportProblem('log files could not be looked through', error));
  const credentials = new SessionCredentials();
  const environments = {
    agent,
    events: new EnvironmentEvents(agent),
    credentials,
    openLog: logs.openStream.bind(logs),
    clock: systemClock,
    region,
    initTimeoutMs,
    streamLimits: streamLimits(configuration.responseStreams),
    onProblem: reportProblem,
  };
  const provisionedEnvironments = { ...environments, initializationType: 'provisioned-concurrency' as const };
  const pool = new EnvironmentPool<ExecutionEnvironment>({
    create: (owner, isProvisioned) => new ExecutionEnvironment(owner, isProvisioned ? provisionedEnvironments : environments),
    onProvisionedEnd: (owner) => provisioner.ended(owner),
    clock: systemClock,
    lifetimeOf: (fn) => lifetimeOf(lifetimes, fn),
    maxEnvironments,
    waiting: { maxWaitMs: concurrency.maxWaitMs, maxWaitingPerAccount },
    scalingRate: concurrency.scalingRate,
    onProblem: reportProblem,
  });
  agent.onEvent((event) => {
    if (event.event === 'belowReserve') pool.reclaim();
  });
  const provisioner = new Provisioner({ pool, clock: systemClock, ownerOf: (fn) => EnvironmentOwner.of(fn), onProblem: reportProblem });
  const totalReserved = (accountId: string) => storage.settings.totalReservedConcurrency(accountId);
  const limits = new ConcurrencyLimits({
    settings: concurrency,
    clock: systemClock,
    totalReserved,
    provisioned: { wanted: (fn) => provisioner.wanted(fn), wantedUnreserved: (accountId) => provisioner.wantedUnreserved(accountId) },
  });
  const invoker = new FunctionInvoker({
    pool,
    clock: systemClock,
    limits,
    traces: new InvocationTraces({ clock: systemClock, random: Math.random }),
  });
  const aws = new AwsClients(configuration.aws, storage.accounts.operatorKey.accountId);
  const events = new AsynchronousInvoker({
    store: storage.events,
    targets: new StoredEventTargets({ ...storage, region, random: Math.random }),
    invoker,
    sender: new AwsEventSender(aws),
    clock: systemClock,
    limits: { ...eventLimits, concurrentAttempts: Math.max(1, Math.floor(maxEnvironments / 2)), retryDelayMs: lambdaRetryDelayMs },
    onProblem: reportProblem,
  });
  await events.start();
  const startedAt = new Date().toISOString();
  const app = createControlApi({
    logError: (error) => reportProblem('control api', error),
    store: storage,
    accounts: storage.accounts,
    sessions: credentials,
    invoker,
    events,
    provisioning: provisioner,
    agent,
    logs,
    logStorage: logs,
    region,
    concurrency,
    aws,
    architecture: process.arch === 'arm64' ? 'arm64' : 'x86_64',
    daemonFacts: async () => {
      const { memory, disk, pressure } = await agent.budget();
      const { memoryOvercommit } = memory;
      const { diskOvercommit } = disk;
      const { idleTimeoutMs, maxAgeMs } = lifetimes.default;
      return {
        startedAt,
        maxEnvironments,
        idleTimeoutMs,
        maxAgeMs,
        memoryOvercommit,
        diskOvercommit,
        memory,
        disk,
        pressure,
        waitingEvents: events.waiting,
      };
    },
  });
  return { app, invoker, events, provisioner, storage, logs, aws };
}

/** Each response has a bucket of its own, full at its start. */
function streamLimits({ maxBytes, bandwidth }: DaemonConfiguration['responseStreams']): StreamLimits {
  if (bandwidth === null) return { maxBytes };
  const { size, refillTimeMs } = bandwidth;
  const tokensPerSecond = (size * 1_000) / refillTimeMs;
  return { maxBytes, bandwidth: () => new TokenBudget({ tokensPerSecond, burst: size, clock: systemClock }) };
}

async function serve(configuration: DaemonConfiguration, agent: AgentClient, { app, storage }: Parts): Promise<void> {
  const { listenHost, listenPort, region } = configuration;
  await app.listen({ host: listenHost, port: listenPort });
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : listenPort;
  const { accountId, accessKeyId, secretAccessKey } = storage.accounts.operatorKey;
  await agent.ready({ endpoint: endpointUrl(listenHost, port), region, accountId, accessKeyId, secretAccessKey });
}

/** ORDER: no new request and no new event, then the running invocations and their environments, then the answers that are on their way, then the stores. */
async function end({ app, invoker, events, provisioner, storage, logs, aws }: Parts, graceMs: number): Promise<void> {
  const closing = app.close();
  closing.catch((error: unknown) => reportProblem('closing the control API failed', error));
  events.stop();
  provisioner.stop();
  await invoker.stop(graceMs);
  // What could not end stays on disk, and is tried again after the next start.
  await Promise.race([events.idle(), later(answerTimeMs)]);
  await Promise.race([closing, later(answerTimeMs)]).catch(() => {});
  await aws.close().catch((error: unknown) => reportProblem('closing connections to AWS failed', error));
  await logs.close();
  await storage.close();
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => {
    systemClock.schedule(ms, resolve);
  });
}
