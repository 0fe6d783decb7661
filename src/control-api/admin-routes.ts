import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { HostAgent } from '../agent/host-agent.ts';
import { CloisterError } from '../errors.ts';
import { latestVersion } from '../functions/arn.ts';
import type { EnvironmentSummary, Invoker } from '../invoke/invoker.ts';
import type { LogReader } from '../storage/logs/log-reader.ts';
import { ApiError, invalidParameter } from './api-error.ts';
import { parseJson } from './bind-input.ts';
import { nameFunction } from './named-function.ts';
import { requestContext } from './request-context.ts';
import type { AccessKey, AccessKeyDirectory } from './stores/access-key-directory.ts';
import type { ArchiveStore } from './stores/archive-store.ts';
import type { FunctionStore } from './stores/function-store.ts';

export interface AdminServices {
  readonly accessKeys: AccessKeyDirectory;
  readonly linkKey: AccessKey;
  readonly agent: Pick<HostAgent, 'evidence' | 'listRuntimes' | 'processes'>;
  readonly archives: ArchiveStore;
  readonly functions: FunctionStore;
  readonly invoker: Invoker;
  readonly logs: LogReader;
  readonly region: string;
  /** Facts of the daemon that the composition root knows. */
  readonly daemonFacts: () => Promise<Readonly<Record<string, unknown>>>;
}

const defaultLogEvents = 1_000;
const maxLogEvents = 10_000;

/**
 * Cloister's own API, signed for the service `cloister`. An operator's key sees every account, a tenant's its own.
 *
 * | route                                   | answers                                                                             |
 * |-----------------------------------------|-------------------------------------------------------------------------------------|
 * | GET /_cloister/v1/status                | { status, region, accountId, operator, functionCount, environmentCount, …facts }     |
 * | GET /_cloister/v1/environments          | { environments: [{ …EnvironmentSummary, pids }] }                                    |
 * | GET /_cloister/v1/environments/{id}     | { …EnvironmentSummary, pids, walls }: read from the kernel now                       |
 * | POST /_cloister/v1/environments/{id}/stop | { id, stopped: true }                                                              |
 * | GET /_cloister/v1/runtimes              | { runtimes: [RuntimeSummary] }                                                       |
 * | POST /_cloister/v1/credentials          | { accountId, userName? } makes a key: 201 { accountId, userName?, accessKeyId, secretAccessKey }; operators |
 * | GET /_cloister/v1/logs                  | ?functionName=&afterSequence=&limit= { events: [LogEvent], nextSequence }; operators also &accountId= |
 * | GET /_cloister/archives/{account}/{digest} | the zip; what Code.Location leads to                                              |
 */
export function addAdminRoutes(app: FastifyInstance, services: AdminServices): void {
  app.get('/_cloister/v1/status', (request) => status(services, callerOf(request)));
  app.get('/_cloister/v1/environments', async (request) => {
    const visible = visibleEnvironments(services, callerOf(request));
    return { environments: await Promise.all(visible.map((summary) => withPids(services, summary))) };
  });
  app.get('/_cloister/v1/environments/:id', async (request) => {
    const summary = findEnvironment(services, request);
    const { pids, walls } = await services.agent.evidence(summary.id);
    return { ...summary, pids, walls };
  });
  app.post('/_cloister/v1/environments/:id/stop', async (request) => {
    const { id } = findEnvironment(services, request);
    if (!(await services.invoker.stopEnvironment(id))) throw noEnvironment(id);
    return { id, stopped: true };
  });
  app.get('/_cloister/v1/runtimes', async (request) => {
    callerOf(request);
    return { runtimes: await services.agent.listRuntimes() };
  });
  app.post('/_cloister/v1/credentials', async (request, reply) => {
    const { accountId, userName, accessKeyId, secretAccessKey } = await createCredentials(services, request);
    return reply.code(201).send({ accountId, userName, accessKeyId, secretAccessKey });
  });
  app.get('/_cloister/v1/logs', (request) => readLogs(services, request));
  app.get('/_cloister/archives/:accountId/:digest', async (request, reply) => {
    const { accountId, digest } = request.params as { accountId: string; digest: string };
    const caller = callerOf(request);
    // A link is made by an operation that allowed its caller this one archive, and is signed over the path.
    const mayRead = caller === services.linkKey || caller.operator || caller.accountId === accountId;
    const archive = mayRead ? await services.archives.open(accountId, digest) : undefined;
    if (archive === undefined) throw new ApiError('ResourceNotFoundException', 'There is no such archive.');
    return reply.header('content-type', 'application/zip').header('content-length', archive.sizeBytes).send(archive.stream);
  });
}

async function status(services: AdminServices, caller: AccessKey) {
  const functionCount = await services.functions.count(caller.operator ? undefined : caller.accountId);
  return {
    status: 'serving',
    region: services.region,
    accountId: caller.accountId,
    operator: caller.operator,
    functionCount,
    environmentCount: visibleEnvironments(services, caller).length,
    ...(caller.operator ? await services.daemonFacts() : {}),
  };
}

async function createCredentials(services: AdminServices, request: FastifyRequest): Promise<AccessKey> {
  if (!callerOf(request).operator) throw new ApiError('AccessDeniedException', 'Only an operator may make access keys.');
  const { body } = requestContext(request);
  const given = parseJson(body ?? Buffer.from('{}')) as { accountId?: unknown; userName?: unknown } | null;
  const accountId = given?.accountId;
  if (typeof accountId !== 'string' || !/^\d{12}$/.test(accountId)) throw invalidParameter('accountId must be twelve digits.');
  const userName = given?.userName;
  if (userName !== undefined && (typeof userName !== 'string' || !/^[\w+=,.@-]{1,64}$/.test(userName))) {
    throw invalidParameter('userName must be 1 to 64 letters, digits or any of +=,.@_-');
  }
  return services.accessKeys.createAccessKey(accountId, userName);
}

async function readLogs(services: AdminServices, request: FastifyRequest) {
  const caller = callerOf(request);
  const { query } = requestContext(request).verified;
  const accountId = query['accountId'] ?? caller.accountId;
  if (typeof accountId !== 'string' || (!caller.operator && accountId !== caller.accountId)) {
    throw new ApiError('AccessDeniedException', 'Only an operator may read the logs of another account.');
  }
  const functionName = query['functionName'];
  if (typeof functionName !== 'string') throw invalidParameter('functionName is needed.');
  const { key } = nameFunction(services, { accountId, operation: 'GetFunction', functionName });
  const record = await services.functions.find(key, latestVersion);
  // Logs outlive their function, in the group it had by default.
  const logGroup = record?.configuration.logGroup ?? `/aws/lambda/${key.functionName}`;
  return services.logs.read({
    accountId,
    logGroup,
    afterSequence: readCount(query['afterSequence'], 'afterSequence', 0),
    limit: Math.min(readCount(query['limit'], 'limit', defaultLogEvents), maxLogEvents),
  });
}

function readCount(text: string | string[] | undefined, name: string, absent: number): number {
  if (text === undefined) return absent;
  if (typeof text !== 'string' || !/^\d{1,15}$/.test(text)) throw invalidParameter(`${name} must be a number.`);
  return Number(text);
}

function callerOf(request: FastifyRequest): AccessKey {
  const { principal } = requestContext(request);
  if (principal.kind === 'accessKey') return principal.key;
  throw new ApiError('AccessDeniedException', 'The credentials of an execution environment open nothing here.');
}

function visibleEnvironments({ invoker }: AdminServices, caller: AccessKey): readonly EnvironmentSummary[] {
  return invoker.listEnvironments().filter(({ accountId }) => caller.operator || accountId === caller.accountId);
}

/** SECURITY: another account's environment is answered as one that is not there. */
function findEnvironment(services: AdminServices, request: FastifyRequest): EnvironmentSummary {
  const { id } = request.params as { id: string };
  const found = visibleEnvironments(services, callerOf(request)).find((summary) => summary.id === id);
  if (found === undefined) throw noEnvironment(id);
  return found;
}

function noEnvironment(id: string): ApiError {
  return new ApiError('ResourceNotFoundException', `There is no execution environment ${id}.`);
}

/** An environment may end between being listed and being looked at. */
async function withPids({ agent }: AdminServices, summary: EnvironmentSummary) {
  try {
    return { ...summary, pids: await agent.processes(summary.id) };
  } catch (error) {
    if (error instanceof CloisterError && (error.code === 'EnvironmentGone' || error.code === 'NotFound')) return { ...summary, pids: [] };
    throw error;
  }
}
