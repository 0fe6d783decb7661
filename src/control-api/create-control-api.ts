import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fastify from 'fastify';
import type { HostAgent } from '../agent/host-agent.ts';
import { AwsClients } from '../aws/aws-clients.ts';
import { type ConcurrencySettings, lambdaConcurrency } from '../functions/concurrency-settings.ts';
import type { Architecture } from '../functions/function-record.ts';
import type { FunctionLimits } from '../functions/limits.ts';
import { lambdaLimits } from '../functions/limits.ts';
import type { EventAcceptor } from '../invoke/events/asynchronous-invoker.ts';
import type { Invoker } from '../invoke/invoker.ts';
import type { Provisioning } from '../invoke/provisioner.ts';
import type { LogReader } from '../storage/logs/log-reader.ts';
import { addAdminRoutes } from './admin-routes.ts';
import { ApiError } from './api-error.ts';
import { adminServiceName } from './code/archive-location.ts';
import { CodeArtifacts } from './code/code-artifacts.ts';
import { FunctionChanges } from './function-configuration/function-changes.ts';
import { FunctionUrlHandler } from './function-url/function-url-handler.ts';
import { functionUrlTarget } from './function-url/url-location.ts';
import { answerError } from './internal-error-answers.ts';
import { addLambdaRoutes } from './lambda-routes.ts';
import type { LogStorage } from './logs/log-storage.ts';
import { addLogsRoutes } from './logs/logs-routes.ts';
import { ReadingTurns } from './logs/reading-turns.ts';
import { ProvisionedTargets } from './provisioned-targets.ts';
import { RequestVerifier } from './sigv4/request-verifier.ts';
import type { SessionCredentials } from './sigv4/session-credentials.ts';
import { parseTarget } from './sigv4/signed-request.ts';
import type { AccessKey, AccessKeyDirectory } from './stores/access-key-directory.ts';
import { makeAccessKeyId, makeSecretAccessKey } from './stores/access-key-directory.ts';
import type { AliasStore } from './stores/alias-store.ts';
import type { ArchiveStore } from './stores/archive-store.ts';
import type { ArtifactLedger } from './stores/artifact-ledger.ts';
import type { CodeSigningStore } from './stores/code-signing-store.ts';
import type { EventInvokeConfigStore } from './stores/event-invoke-config-store.ts';
import type { FunctionSettingStore } from './stores/function-setting-store.ts';
import type { FunctionStore } from './stores/function-store.ts';
import type { FunctionUrlStore } from './stores/function-url-store.ts';
import type { LayerStore } from './stores/layer-store.ts';
import type { PolicyStore } from './stores/policy-store.ts';
import type { ProvisionedConcurrencyStore } from './stores/provisioned-concurrency-store.ts';

export interface ControlApiOptions {
  readonly store: {
    readonly functions: FunctionStore;
    readonly aliases: AliasStore;
    readonly layers: LayerStore;
    readonly policies: PolicyStore;
    readonly urls: FunctionUrlStore;
    readonly settings: FunctionSettingStore;
    readonly eventInvokeConfigs: EventInvokeConfigStore;
    readonly codeSigning: CodeSigningStore;
    readonly provisioned: ProvisionedConcurrencyStore;
    readonly artifacts: ArtifactLedger;
    readonly archives: ArchiveStore;
  };
  readonly accounts: AccessKeyDirectory;
  readonly sessions: SessionCredentials;
  readonly invoker: Invoker;
  /** Takes asynchronous invocations. */
  readonly events: EventAcceptor;
  /** Makes environments ahead. */
  readonly provisioning: Provisioning;
  readonly agent: HostAgent;
  readonly logs: LogReader;
  /** What CloudWatch Logs' API reads and writes. */
  readonly logStorage: LogStorage;
  readonly region: string;
  /** @default no service is configured */
  readonly aws?: AwsClients;
  /** The host's. */
  readonly architecture: Architecture;
  /** @default Lambda's quotas */
  readonly limits?: FunctionLimits;
  /** @default Lambda's quotas */
  readonly concurrency?: ConcurrencySettings;
  /** Milliseconds since the epoch. @default Date.now */
  readonly clock?: () => number;
  /** Chooses between the two versions of an alias. @default Math.random */
  readonly random?: () => number;
  /** A change of a function that takes longer is answered before it is done. @default 5,000 */
  readonly answerAfterMs?: number;
  /** Told an operator only, in `GET /_cloister/v1/status`. */
  readonly daemonFacts?: () => Promise<Readonly<Record<string, unknown>>>;
  /** Takes what an operator should read. */
  readonly logError: (error: unknown) => void;
}

const readingTimeoutMs = 300_000;
const keepAliveTimeoutMs = 72_000;

/** Lambda's REST API and Cloister's own, both behind Signature Version 4. The caller listens, and closes. */
export function createControlApi(options: ControlApiOptions): FastifyInstance {
  const { region, agent, invoker, limits = lambdaLimits, clock = Date.now, random = Math.random, logError } = options;
  const { functions, aliases, layers, policies, urls, settings, eventInvokeConfigs, codeSigning, provisioned, artifacts, archives } = options.store;
  const linkKey = makeLinkKey();
  const accessKeys = { findAccessKey: (id: string) => (id === linkKey.accessKeyId ? linkKey : options.accounts.findAccessKey(id)) };
  const aws = options.aws ?? new AwsClients(undefined);
  const provisionedTargets = new ProvisionedTargets({ functions, aliases, provisioned, provisioning: options.provisioning });
  const code = new CodeArtifacts({ agent, archives, ledger: artifacts, needsImage: (image) => invoker.needsImage(image), logError });
  const changes = new FunctionChanges({ region, answerAfterMs: options.answerAfterMs, logError });
  const verifier = new RequestVerifier({ accessKeys, sessions: options.sessions, region, clock });
  const answer = (error: unknown, request: FastifyRequest, reply: FastifyReply) => sendError(error, { request, reply, limits, logError });
  const functionUrls = new FunctionUrlHandler({ functions, aliases, policies, urls, invoker, verifier, limits, region, clock, random, logError });
  const app = fastify({
    serverFactory: (serveApi) => makeServer(functionUrls, serveApi),
    genReqId: () => randomUUID(),
    exposeHeadRoutes: false,
    bodyLimit: limits.maxRequestBytes,
    // ARNs are long, and clients of some years ago end the path with a slash.
    routerOptions: { maxParamLength: 4_096, ignoreTrailingSlash: true },
    frameworkErrors: answer,
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.decorateRequest('pendingVerification', null);
  app.decorateRequest('principal', null);
  addAuthentication(app, verifier);
  app.setErrorHandler(answer);
  app.setNotFoundHandler(() => {
    throw new ApiError('UnknownOperationException', 'There is no such operation.');
  });
  addLambdaRoutes(app, {
    functions,
    aliases,
    layers,
    policies,
    urls,
    linkKey,
    settings,
    eventInvokeConfigs,
    events: options.events,
    codeSigning,
    provisioned,
    provisionedTargets,
    code,
    changes,
    invoker,
    aws,
    agent,
    limits,
    concurrency: options.concurrency ?? lambdaConcurrency,
    region,
    architecture: options.architecture,
    clock,
    random,
  });
  addLogsRoutes(app, { services: { storage: options.logStorage, turns: new ReadingTurns(), region, clock }, logError });
  addAdminRoutes(app, {
    accessKeys: options.accounts,
    linkKey,
    agent,
    archives,
    functions,
    invoker,
    logs: options.logs,
    region,
    daemonFacts: options.daemonFacts ?? (async () => ({})),
  });
  app.addHook('onReady', async () => {
    await functions.failInterrupted({
      reason: 'The service ended while it worked on the function. Send the code again.',
      reasonCode: 'InternalError',
    });
    await code.sweepAll();
    await provisionedTargets.refreshAll();
  });
  app.addHook('onClose', async () => {
    await changes.close();
    await code.close();
  });
  return app;
}

/** One listener for the API and for function URLs, told apart before anything of a request is looked at further. */
function makeServer(functionUrls: FunctionUrlHandler, serveApi: (request: IncomingMessage, response: ServerResponse) => void): Server {
  return createServer({ requestTimeout: readingTimeoutMs, keepAliveTimeout: keepAliveTimeoutMs }, (request, response) => {
    const target = functionUrlTarget({ host: request.headers.host, url: request.url ?? '' });
    if (target === undefined) serveApi(request, response);
    else void functionUrls.handle(target, request, response);
  });
}

/** SECURITY: of no account, never stored, its secret never told: all that is ever signed with it are the links that this process hands out. */
function makeLinkKey(): AccessKey {
  return { accessKeyId: makeAccessKeyId('AKIA'), secretAccessKey: makeSecretAccessKey(), accountId: '000000000000', operator: false };
}

function addAuthentication(app: FastifyInstance, verifier: RequestVerifier): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-amzn-requestid', request.id);
    const { method = '', url = '', headers } = request.raw;
    const target = parseTarget(url);
    if (target === undefined) throw new ApiError('UnknownOperationException', 'The request target is not well formed.');
    const service = serviceOf(method, target.path);
    // SECURITY: without a prototype, as the query: a signature may name any header, `constructor` too.
    const received = Object.assign(Object.create(null), headers) as typeof headers;
    request.pendingVerification = verifier.begin({ method, ...target, headers: received }, service);
    // Bodies are bytes whatever they are called; Fastify would refuse a name it cannot read.
    delete headers['content-type'];
    done();
  });
  app.addHook('preValidation', async (request) => {
    if (request.pendingVerification === null) return;
    const body = Buffer.isBuffer(request.body) ? request.body : undefined;
    request.principal = await verifier.finish(request.pendingVerification, body);
  });
}

/** What a request is signed for. Lambda's API has nothing at `/`, where all of CloudWatch Logs' is. */
function serviceOf(method: string, path: string): string {
  if (path.startsWith('/_cloister/')) return adminServiceName;
  return method === 'POST' && path === '/' ? 'logs' : 'lambda';
}

function sendError(
  error: unknown,
  context: { request: FastifyRequest; reply: FastifyReply; limits: FunctionLimits; logError: (error: unknown) => void },
): void {
  const { request, reply, limits, logError } = context;
  const { answer, unexpected } = answerError(fromFramework(error, request), limits);
  if (unexpected) logError(error);
  // Fastify would close the connection on a body that is too long, and the client, still sending, would find it reset before it reads why.
  // Left open, Node reads on and throws away, for no longer than a request may take.
  reply.removeHeader('connection');
  if (answer.retryAfterSeconds !== undefined) reply.header('retry-after', String(answer.retryAfterSeconds));
  reply
    .code(answer.status)
    .header('x-amzn-requestid', request.id)
    .header('x-amzn-errortype', answer.type)
    .header('content-type', 'application/json')
    .send(Buffer.from(JSON.stringify(answer.toBody())));
}

/** Fastify's own refusals of a request; everything else is left as it is. */
function fromFramework(error: unknown, request: FastifyRequest): unknown {
  if (!(error instanceof Error) || !('code' in error) || !('statusCode' in error)) return error;
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const { config, bodyLimit } = request.routeOptions;
    const [operation = 'requested'] = config.operations ?? [];
    const named = operation === 'Invoke' ? 'InvokeFunction' : operation;
    return new ApiError('RequestEntityTooLargeException', `Request must be smaller than ${bodyLimit} bytes for the ${named} operation`);
  }
  if (typeof error.statusCode !== 'number' || error.statusCode >= 500 || !String(error.code).startsWith('FST_ERR_')) return error;
  if (error.code === 'FST_ERR_BAD_URL' || error.code === 'FST_ERR_MAX_PARAM_LENGTH') {
    return new ApiError('UnknownOperationException', 'The request target is not well formed.');
  }
  return new ApiError('InvalidRequestContentException', 'The request could not be read.');
}
