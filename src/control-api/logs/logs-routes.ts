import type { FastifyInstance, FastifyRequest } from 'fastify';
import { bindInput } from '../bind-input.ts';
import { checkModelConstraints } from '../model-constraints.ts';
import { notSupported } from '../not-supported.ts';
import { requestContext } from '../request-context.ts';
import { logsInputShape } from '../service-model.ts';
import { answerLogsError, LogsError } from './logs-error.ts';
import type { LogsServices } from './logs-operation.ts';
import { supportedLogsOperations } from './supported-logs-operations.ts';

export interface LogsRoutesOptions {
  readonly services: LogsServices;
  readonly logError: (error: unknown) => void;
}

const targetPrefix = 'Logs_20140328.';
const contentType = 'application/x-amz-json-1.1';
/** PutLogEvents takes 1 MiB of text, which is longer as JSON. */
const bodyLimitBytes = 4 * 1024 * 1024;

/** CloudWatch Logs' API: every operation is a POST to `/`, named in a header (AWS's JSON protocol 1.1), with errors of its own form. */
export function addLogsRoutes(app: FastifyInstance, { services, logError }: LogsRoutesOptions): void {
  app.register(async (routes) => {
    routes.setErrorHandler((error, request, reply) => {
      const { status, type, message, unexpected } = answerLogsError(fromFramework(error));
      if (unexpected) logError(error);
      reply.removeHeader('connection');
      reply.code(status).header('x-amzn-requestid', request.id).header('x-amzn-errortype', type).header('content-type', contentType);
      return reply.send(Buffer.from(JSON.stringify({ __type: type, message })));
    });
    routes.post('/', { bodyLimit: bodyLimitBytes }, async (request, reply) => {
      const answer = await serve(services, request);
      reply.header('content-type', contentType);
      return reply.send(answer === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(answer)));
    });
  });
}

async function serve(services: LogsServices, request: FastifyRequest) {
  const { principal, verified, body } = requestContext(request);
  const target = verified.headers['x-amz-target'];
  const name = typeof target === 'string' && target.startsWith(targetPrefix) ? target.slice(targetPrefix.length) : undefined;
  if (name === undefined || !/^\w{1,64}$/.test(name)) throw new LogsError('UnknownOperationException', 'There is no such operation.');
  if (principal.kind === 'environment') throw refuseEnvironment(services, principal, name);
  const operation = supportedLogsOperations.get(name);
  if (operation === undefined) throw notSupported(name);
  const shape = logsInputShape(name);
  const input = bindInput(shape, { pathParameters: {}, query: {}, headers: {}, body });
  checkModelConstraints(shape, input);
  return await operation(services, { input, accountId: principal.accountId });
}

/** An environment's own credentials allow nothing, here as in Lambda's API. */
function refuseEnvironment({ region }: LogsServices, { accountId, environmentId }: { accountId: string; environmentId: string }, name: string) {
  const user = `arn:aws:sts::${accountId}:assumed-role/cloister-environment/${environmentId}`;
  const resource = `arn:aws:logs:${region}:${accountId}:log-group:*`;
  return new LogsError(
    'AccessDeniedException',
    `User: ${user} is not authorized to perform: logs:${name} on resource: ${resource} because no identity-based policy allows the logs:${name} action`,
  );
}

/** Fastify's own refusals of a request; everything else is left as it is. */
function fromFramework(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || !String(error.code).startsWith('FST_ERR_CTP_')) return error;
  return new LogsError('SerializationException', 'The request could not be read.');
}
