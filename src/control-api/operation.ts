import type { HostAgent } from '../agent/host-agent.ts';
import type { AwsClients } from '../aws/aws-clients.ts';
import type { ConcurrencySettings } from '../functions/concurrency-settings.ts';
import type { Architecture } from '../functions/function-record.ts';
import type { FunctionLimits } from '../functions/limits.ts';
import type { PolicyCaller } from '../functions/resource-policy.ts';
import type { EventAcceptor } from '../invoke/events/asynchronous-invoker.ts';
import type { Invoker } from '../invoke/invoker.ts';
import type { CodeArtifacts } from './code/code-artifacts.ts';
import type { FunctionChanges } from './function-configuration/function-changes.ts';
import type { ProvisionedTargets } from './provisioned-targets.ts';
import type { AccessKey } from './stores/access-key-directory.ts';
import type { AliasStore } from './stores/alias-store.ts';
import type { CodeSigningStore } from './stores/code-signing-store.ts';
import type { EventInvokeConfigStore } from './stores/event-invoke-config-store.ts';
import type { FunctionSettingStore } from './stores/function-setting-store.ts';
import type { FunctionStore } from './stores/function-store.ts';
import type { FunctionUrlStore } from './stores/function-url-store.ts';
import type { LayerStore } from './stores/layer-store.ts';
import type { PolicyStore } from './stores/policy-store.ts';
import type { ProvisionedConcurrencyStore } from './stores/provisioned-concurrency-store.ts';

/** What operations work with. */
export interface OperationServices {
  readonly functions: FunctionStore;
  readonly aliases: AliasStore;
  readonly layers: LayerStore;
  readonly settings: FunctionSettingStore;
  readonly codeSigning: CodeSigningStore;
  readonly provisioned: ProvisionedConcurrencyStore;
  readonly provisionedTargets: ProvisionedTargets;
  readonly code: CodeArtifacts;
  /** Every change of a function's `$LATEST` goes through it. */
  readonly changes: FunctionChanges;
  readonly eventInvokeConfigs: EventInvokeConfigStore;
  /** Takes asynchronous invocations. */
  readonly events: EventAcceptor;
  readonly invoker: Invoker;
  /** For calls to S3, SQS, SNS and EventBridge where the administrator named an endpoint. */
  readonly aws: AwsClients;
  readonly agent: Pick<HostAgent, 'listRuntimes'>;
  readonly policies: PolicyStore;
  readonly urls: FunctionUrlStore;
  /** Signs the links that download code: in the daemon's own name, so that it opens one archive to whom an operation allowed it. */
  readonly linkKey: AccessKey;
  readonly limits: FunctionLimits;
  readonly concurrency: ConcurrencySettings;
  readonly region: string;
  /** The host's: the only one functions can be made for. */
  readonly architecture: Architecture;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** From 0 up to, and without, 1. */
  readonly random: () => number;
}

/** One authenticated request for an operation, its input checked against the service model. */
export interface OperationCall<Input> {
  readonly input: Input;
  /** Whose functions and layers the call is about: the caller's account, or another whose policy allows the call. */
  readonly accountId: string;
  /** Who signed the request. */
  readonly caller: PolicyCaller;
  readonly requestId: string;
  /** The Host header, which is signed: where this client reaches us. */
  readonly host: string;
  readonly traceHeader: string | undefined;
}

/** What the client gets: an object is sent as JSON, bytes as they are, a stream as it comes. */
export interface OperationAnswer {
  /** @default the service model's */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object | Buffer;
  readonly stream?: AsyncIterable<Uint8Array>;
}

export type Operation<Input> = (services: OperationServices, call: OperationCall<Input>) => Promise<OperationAnswer>;
