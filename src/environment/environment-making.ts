import type { ClaimedDescriptors, HostAgent } from '../agent/host-agent.ts';
import type { RuntimeSummary } from '../agent/messages.ts';
import { CloisterError } from '../errors.ts';
import type { StreamLimits } from '../runtime-api/response-stream.ts';
import type { RuntimeApiPort } from '../runtime-api/runtime-api-port.ts';
import type { ClaimedEnvironment } from './claimed-environment.ts';
import type { Clock } from './clock.ts';
import type { EnvironmentOwner } from './environment-owner.ts';
import { closeDescriptors, EnvironmentParts } from './environment-parts.ts';
import type { EnvironmentEvent } from './environment-state.ts';
import { environmentVariables, extensionVariables } from './environment-variables.ts';
import type { LogSink, LogStreamName } from './log/log-sink.ts';
import { logStreamName } from './log/log-stream-name.ts';
import type { InitializationType } from './log/platform-event.ts';
import type { SessionCredentials } from './session-credentials.ts';

export interface MakingDependencies {
  readonly agent: Pick<HostAgent, 'listRuntimes' | 'openSlot' | 'prepare' | 'claim' | 'listExtensions' | 'connect'>;
  readonly credentials: SessionCredentials;
  readonly openLog: (name: LogStreamName) => LogSink;
  readonly clock: Clock;
  readonly region: string;
  /** What a streamed response may be. */
  readonly streamLimits: StreamLimits;
  /** @default on-demand */
  readonly initializationType?: InitializationType;
  /** Told what no client will hear of. */
  readonly onProblem: (problem: string, cause: unknown) => void;
}

/** The environment that is being made, as its making sees it. */
export interface MakingPort {
  /** Takes a step into the state; throws once the environment is to end. `id` names what has been made by now. */
  made(id: string, event: EnvironmentEvent): void;
  /** Whether it is to end: nothing more is wanted of it. */
  isEnding(): boolean;
  frozen(): void;
  readonly runtimeApi: RuntimeApiPort;
}

/** Slot, prepared environment, claim, and the daemon's ends of it. */
export async function makeEnvironment(owner: EnvironmentOwner, dependencies: MakingDependencies, port: MakingPort): Promise<ClaimedEnvironment> {
  const { agent } = dependencies;
  const fn = owner.function;
  const summaries = agent.listRuntimes();
  summaries.catch(() => {});
  const slotId = await agent.openSlot({ driver: fn.isolation, tmpSizeMiB: fn.ephemeralStorageMiB });
  port.made(slotId, { type: 'slotOpened', slotId });
  const runtime = (await summaries).find((summary) => summary.name === fn.runtime);
  if (runtime === undefined)
    throw new CloisterError('NotFound', `runtime ${fn.runtime} is not built on this host`, { operation: 'make execution environment' });
  const environmentId = await agent.prepare({ slotId, runtime: fn.runtime, memorySizeMiB: fn.memorySizeMiB, accountId: fn.accountId });
  port.made(environmentId, { type: 'prepared', environmentId });
  const { accountId, functionName, version } = fn;
  const { tenantId } = owner;
  const layers = fn.layers.map((layer) => ({ accountId: layer.accountId, digest: layer.digest }));
  const descriptors = await agent.claim({
    environmentId,
    owner: { accountId, functionName, version, ...(tenantId === undefined ? {} : { tenantId }) },
    codeDigest: fn.codeDigest,
    layers,
  });
  if (port.isEnding()) {
    closeDescriptors(descriptors);
    throw stoppedWhileMade();
  }
  const extensions = agent.listExtensions({ environmentId });
  extensions.catch(() => {});
  const claimed = await wire(owner, dependencies, { environmentId, runtime, descriptors, port });
  try {
    const extensionNames = (await extensions).names;
    port.made(environmentId, { type: 'claimed', owner });
    return { ...claimed, extensionNames };
  } catch (error) {
    await claimed.parts.close();
    throw error;
  }
}

export function stoppedWhileMade(): CloisterError {
  return new CloisterError('EnvironmentGone', 'the environment was stopped while it was made', { operation: 'make execution environment' });
}

interface Claim {
  readonly environmentId: string;
  readonly runtime: RuntimeSummary;
  readonly descriptors: ClaimedDescriptors;
  readonly port: MakingPort;
}

async function wire(owner: EnvironmentOwner, dependencies: MakingDependencies, claim: Claim): Promise<Omit<ClaimedEnvironment, 'extensionNames'>> {
  const { agent, clock, credentials, openLog, region, initializationType = 'on-demand', streamLimits, onProblem } = dependencies;
  const { environmentId, runtime, descriptors, port } = claim;
  const fn = owner.function;
  const { accountId, logGroup } = fn;
  const logStream = logStreamName(fn, clock.wallMs());
  const sink = openLog({ accountId, logGroup, logStream });
  const parts = await EnvironmentParts.open({
    descriptors,
    sink,
    clock,
    port: port.runtimeApi,
    function: fn,
    connect: (insidePort) => agent.connect({ environmentId, port: insidePort }),
    streamLimits,
    onFrozen: () => port.frozen(),
    onProblem,
  });
  const issued = credentials.issue(environmentId, accountId);
  const variables = environmentVariables({ function: fn, runtime, region, logStream, credentials: issued, initializationType });
  return {
    environmentId,
    init: { function: fn, runtime, region, logStream, initializationType },
    parts,
    variables: { runtime: variables, extension: extensionVariables(variables) },
  };
}
