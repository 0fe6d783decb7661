/** For tests: the control API over real storage in a directory of its own, with the host's side played by fakes of the ports. */
import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Hash } from '@smithy/hash-node';
import { SignatureV4 } from '@smithy/signature-v4';
import type { FastifyInstance } from 'fastify';
import type { HostAgent } from '../../src/agent/host-agent.ts';
import type { RuntimeSummary } from '../../src/agent/messages.ts';
import { createControlApi } from '../../src/control-api/create-control-api.ts';
import { SessionCredentials } from '../../src/control-api/sigv4/session-credentials.ts';
import type { AccessKey } from '../../src/control-api/stores/access-key-directory.ts';
import { CloisterError } from '../../src/errors.ts';
import type { AcceptRequest, EventAcceptor } from '../../src/invoke/events/asynchronous-invoker.ts';
import type { EnvironmentSummary, InvokeRequest, InvokeResult, Invoker, StreamedInvokeResult } from '../../src/invoke/invoker.ts';
import type { ProvisionedTarget, Provisioning } from '../../src/invoke/provisioner.ts';
import { LogStore } from '../../src/storage/logs/log-store.ts';
import type { Storage } from '../../src/storage/open-storage.ts';
import { openStorage } from '../../src/storage/open-storage.ts';

export const fixtureRegion = 'us-east-1';
export const fixtureRole = 'arn:aws:iam::123456789012:role/any';
/** Begins as a zip does; what the fake agent unpacks from it is its length. */
export const zipBytes = (text: string) => Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.from(text)]);

const runtimeNamed = (name: string): RuntimeSummary => ({
  name,
  digest: hash('sha256', name),
  base: 'Debian 13',
  versionLabel: `${name}.v1`,
  variables: {},
  createdAt: '2026-11-01T00:00:00.000Z',
});

type BuildAgent = Pick<HostAgent, 'buildImage' | 'dropImage' | 'listRuntimes' | 'evidence' | 'processes'>;

/** Images by account, and environments that hold some of them. */
export class FakeAgent implements BuildAgent {
  readonly images = new Set<string>();
  readonly inUse = new Set<string>();
  unpackedBytes: (archive: Uint8Array) => number = (archive) => archive.byteLength;

  async buildImage(archive: Uint8Array, { accountId, maxUnpackedBytes }: { accountId: string; maxUnpackedBytes: number }) {
    const unpackedBytes = this.unpackedBytes(archive);
    if (Buffer.from(archive.subarray(0, 2)).toString() !== 'PK')
      throw new CloisterError('ArchiveInvalid', '/root/secret: bad', { operation: 'build' });
    if (unpackedBytes > maxUnpackedBytes) throw new CloisterError('ArchiveTooLarge', 'too large', { operation: 'build' });
    const digest = hash('sha256', Buffer.concat([Buffer.from('image of '), archive]));
    this.images.add(`${accountId}/${digest}`);
    return { digest, unpackedBytes, imageBytes: 4_096 };
  }

  async dropImage({ accountId, digest }: { accountId: string; digest: string }): Promise<void> {
    if (this.inUse.has(digest)) throw new CloisterError('Conflict', 'in use', { operation: 'dropImage' });
    this.images.delete(`${accountId}/${digest}`);
  }

  async listRuntimes() {
    return ['nodejs24.x', 'provided.al2023', 'python3.13'].map(runtimeNamed);
  }

  async processes() {
    return [4711];
  }

  async evidence(environmentId: string) {
    return { environmentId, pids: [4711], walls: { cgroups: { memory: { value: 134_217_728, readFrom: '/sys/fs/cgroup/memory.max' } } } };
  }
}

/** Answers every invocation with its own event, and remembers what it was asked. */
export class FakeInvoker implements Invoker {
  readonly needsImage = (): boolean => false;
  readonly requests: InvokeRequest[] = [];
  readonly retired: { accountId: string; functionName: string; version?: string }[] = [];
  readonly environments: EnvironmentSummary[] = [];
  respond: (request: InvokeRequest) => Promise<InvokeResult> = async (request) => ({
    payload: request.payload,
    executedVersion: request.function.version,
    ...(request.logTail ? { logTail: Buffer.from('START\nEND\n') } : {}),
  });

  stream: ((request: InvokeRequest) => Promise<StreamedInvokeResult>) | undefined;

  invoke(request: InvokeRequest): Promise<InvokeResult> {
    this.requests.push(request);
    return this.respond(request);
  }

  /** The answer of `respond` in one piece, unless a test streams. */
  async invokeStreaming(request: InvokeRequest): Promise<StreamedInvokeResult> {
    this.requests.push(request);
    if (this.stream !== undefined) return this.stream(request);
    const { payload, executedVersion, functionError, timedOut, logTail } = await this.respond(request);
    return {
      executedVersion,
      contentType: 'application/json',
      body: Readable.from([payload]),
      ...(functionError === undefined ? {} : { failed: timedOut === true ? 'timeout' : 'error' }),
      completed: Promise.resolve({
        ...(functionError === undefined ? {} : { error: { code: functionError, details: payload } }),
        ...(logTail === undefined ? {} : { logTail }),
      }),
    };
  }

  retire(target: { accountId: string; functionName: string; version?: string }): void {
    this.retired.push(target);
  }

  listEnvironments(): readonly EnvironmentSummary[] {
    return this.environments;
  }

  async stopEnvironment(id: string): Promise<boolean> {
    const index = this.environments.findIndex((environment) => environment.id === id);
    if (index >= 0) this.environments.splice(index, 1);
    return index >= 0;
  }
}

/** Takes every event, and remembers it. */
export class FakeAcceptor implements EventAcceptor {
  readonly accepted: AcceptRequest[] = [];
  readonly forgotten: { accountId: string; functionName: string }[] = [];

  async accept(request: AcceptRequest): Promise<void> {
    this.accepted.push(request);
  }

  async forget({ accountId, functionName }: { accountId: string; functionName: string }): Promise<void> {
    this.forgotten.push({ accountId, functionName });
  }
}

/** What is to be kept ready is. */
function allReady(): Provisioning {
  const targets = new Map<string, readonly ProvisionedTarget[]>();
  const nameOf = (key: { readonly accountId: string; readonly functionName: string }) => `${key.accountId}:${key.functionName}`;
  return {
    set: (key, wanted) => void targets.set(nameOf(key), wanted),
    status: (key, qualifier) => {
      const parts = targets.get(nameOf(key))?.find((target) => target.qualifier === qualifier)?.parts ?? [];
      return { ready: parts.reduce((sum, { executions }) => sum + executions, 0), status: 'READY' };
    },
  };
}

export interface ControlApiFixture extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly storage: Storage;
  readonly agent: FakeAgent;
  readonly invoker: FakeInvoker;
  readonly events: FakeAcceptor;
  /** What the API of CloudWatch Logs works on. */
  readonly logs: LogStore;
  readonly sessions: SessionCredentials;
  readonly operator: AccessKey;
  /** What the operator would read. */
  readonly errors: unknown[];
  /** The time the API goes by; starts at a fixed moment. */
  now: number;
}

export interface FixtureOptions {
  /** Of a fixture that was closed; goes with this one. @default a new directory */
  readonly dataDir?: string;
  readonly random?: () => number;
  /** Milliseconds. @default the API's own */
  readonly answerAfterMs?: number;
}

/** Opens the whole of it. */
export async function openControlApiFixture(options: FixtureOptions = {}): Promise<ControlApiFixture> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'cloister-control-')));
  const times = { now: Date.now() };
  const clock = () => times.now;
  const storage = await openStorage({ dataDir, region: fixtureRegion, clock });
  const agent = new FakeAgent();
  const invoker = new FakeInvoker();
  const events = new FakeAcceptor();
  const sessions = new SessionCredentials();
  const errors: unknown[] = [];
  const logs = new LogStore({ directory: join(dataDir, 'logs'), clock, onProblem: (_problem, cause) => void errors.push(cause) });
  const app = createControlApi({
    store: storage,
    accounts: storage.accounts,
    sessions,
    invoker,
    events,
    provisioning: allReady(),
    agent: agent as unknown as HostAgent,
    logs: {
      read: async ({ accountId, logGroup, afterSequence = 0 }) => ({
        events: [{ timestamp: 1, message: `${accountId} ${logGroup}`, logStream: 's' }],
        nextSequence: afterSequence + 1,
      }),
    },
    logStorage: logs,
    region: fixtureRegion,
    architecture: 'x86_64',
    clock,
    ...(options.answerAfterMs === undefined ? {} : { answerAfterMs: options.answerAfterMs }),
    ...(options.random === undefined ? {} : { random: options.random }),
    logError: (error) => errors.push(error),
  });
  await app.ready();
  return {
    app,
    storage,
    agent,
    invoker,
    events,
    logs,
    sessions,
    operator: storage.accounts.operatorKey,
    errors,
    get now() {
      return times.now;
    },
    set now(value) {
      times.now = value;
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      await logs.close();
      await storage.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export interface RequestToSign {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

export interface SigningOptions {
  readonly key: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string };
  readonly now: number;
  readonly service?: string;
  readonly region?: string;
  /** Presigned instead of an Authorization header. */
  readonly expiresInSeconds?: number;
}

export interface SignedTestRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly payload?: Buffer | string;
}

/** Signs as AWS's SDK does, into what `app.inject` takes. */
export async function signForInject(request: RequestToSign, options: SigningOptions): Promise<SignedTestRequest> {
  const { service = 'lambda', region = fixtureRegion, key, now, expiresInSeconds } = options;
  const signer = new SignatureV4({ service, region, credentials: key, sha256: Hash.bind(null, 'sha256'), applyChecksum: false });
  const toSign = {
    method: request.method,
    protocol: 'http:',
    hostname: 'localhost',
    path: request.path,
    query: { ...request.query },
    headers: { host: 'localhost:3001', ...request.headers },
    ...(request.body === undefined ? {} : { body: request.body }),
  };
  const signingDate = new Date(now);
  const signed =
    expiresInSeconds === undefined
      ? await signer.sign(toSign, { signingDate })
      : await signer.presign(toSign, { signingDate, expiresIn: expiresInSeconds });
  const query = Object.entries(signed.query ?? {}).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);
  return {
    method: request.method,
    url: query.length === 0 ? request.path : `${request.path}?${query.join('&')}`,
    headers: signed.headers,
    ...(request.body === undefined ? {} : { payload: request.body }),
  };
}

/** Signs with the operator's key, or the one given, and sends. */
export async function callApi(fixture: ControlApiFixture, request: RequestToSign, options: Partial<SigningOptions> = {}) {
  return fixture.app.inject(await signForInject(request, { key: fixture.operator, now: fixture.now, ...options }));
}

/** Creates a function with what CreateFunction needs. */
export function createTestFunction(
  fixture: ControlApiFixture,
  name: string,
  more: Readonly<Record<string, unknown>> = {},
  options: Partial<SigningOptions> = {},
) {
  const body = {
    FunctionName: name,
    Role: fixtureRole,
    Runtime: 'nodejs24.x',
    Handler: 'index.handler',
    Code: { ZipFile: zipBytes(`code of ${name}`).toString('base64') },
    ...more,
  };
  return callApi(fixture, { method: 'POST', path: '/2015-03-31/functions', body: JSON.stringify(body) }, options);
}
