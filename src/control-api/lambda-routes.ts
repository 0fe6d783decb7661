import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { formatFunctionArn, parseFunctionReference } from '../functions/arn.ts';
import { bindInput } from './bind-input.ts';
import { checkModelConstraints } from './model-constraints.ts';
import { notSupported } from './not-supported.ts';
import type { OperationServices } from './operation.ts';
import { accessDenied } from './policies/access-denied.ts';
import { resourceOwner } from './policies/resource-owner.ts';
import { requestContext } from './request-context.ts';
import { sendPieces } from './send-pieces.ts';
import type { OperationModel } from './service-model.ts';
import { operationModels } from './service-model.ts';
import type { Principal } from './sigv4/request-verifier.ts';
import { callerArn } from './stores/access-key-directory.ts';
import { supportedOperations } from './supported-operations.ts';

interface RoutedOperation {
  readonly name: string;
  readonly model: OperationModel;
  /** Fixed query parameters that tell it from another operation of the same path. */
  readonly fixedQuery: Readonly<Record<string, string>>;
}

const invokeOperations: ReadonlySet<string> = new Set(['Invoke', 'InvokeAsync', 'InvokeWithResponseStream']);
const uploadOperations: ReadonlySet<string> = new Set(['CreateFunction', 'UpdateFunctionCode', 'PublishLayerVersion']);

/** One route per method and path of the service model. */
export function addLambdaRoutes(app: FastifyInstance, services: OperationServices): void {
  for (const [route, operations] of groupByRoute()) {
    const [method = '', url = ''] = route.split(' ');
    app.route({
      method,
      url,
      bodyLimit: bodyLimitOf(operations[0]?.name ?? '', services),
      config: { operations: operations.map(({ name }) => name) },
      handler: (request, reply) => serve(services, chooseOperation(operations, request), request, reply),
    });
  }
}

/** The largest request an operation takes. */
function bodyLimitOf(operation: string, { limits }: OperationServices): number {
  if (invokeOperations.has(operation)) return limits.maxInvokePayloadBytes;
  return uploadOperations.has(operation) ? limits.maxUploadRequestBytes : limits.maxRequestBytes;
}

function groupByRoute(): ReadonlyMap<string, readonly RoutedOperation[]> {
  const routes = new Map<string, RoutedOperation[]>();
  for (const [name, model] of operationModels) {
    const [path = '', query = ''] = model.uri.split('?');
    const route = `${model.method} ${path.replace(/\{(\w+)\+?\}/g, ':$1')}`;
    const operation = { name, model, fixedQuery: Object.fromEntries(new URLSearchParams(query)) };
    // Those with a fixed query come first, so that the one without is what remains.
    const others = routes.get(route) ?? [];
    routes.set(route, query === '' ? [...others, operation] : [operation, ...others]);
  }
  return routes;
}

function chooseOperation(operations: readonly RoutedOperation[], request: FastifyRequest): RoutedOperation {
  const { query } = requestContext(request).verified;
  const chosen = operations.find(({ fixedQuery }) => Object.entries(fixedQuery).every(([name, value]) => query[name] === value)) ?? operations.at(-1);
  if (chosen === undefined) throw notSupported('of this path');
  return chosen;
}

async function serve(services: OperationServices, { name, model }: RoutedOperation, request: FastifyRequest, reply: FastifyReply) {
  const { principal, verified, body } = requestContext(request);
  const pathParameters = request.params as Readonly<Record<string, string>>;
  if (principal.kind === 'environment') throw refuseEnvironment(services, principal, name, pathParameters['FunctionName']);
  const operation = supportedOperations.get(name);
  if (operation === undefined) throw notSupported(name);
  const input = model.input === undefined ? {} : bindInput(model.input, { pathParameters, query: verified.query, headers: verified.headers, body });
  if (model.input !== undefined) checkModelConstraints(model.input, input);
  const caller = { accountId: principal.accountId, arn: callerArn(principal.key) };
  const accountId = await resourceOwner(services, { operation: name, input, caller });
  const traceHeader = verified.headers['x-amzn-trace-id'];
  const answer = await operation(services, {
    input,
    accountId,
    caller,
    requestId: request.id,
    host: String(verified.headers['host']),
    traceHeader: typeof traceHeader === 'string' ? traceHeader : undefined,
  });
  reply.code(answer.status ?? model.status);
  if (answer.headers !== undefined) reply.headers(answer.headers);
  if (answer.stream !== undefined) return sendStream(reply, answer.stream);
  if (answer.body === undefined) return reply.send();
  reply.header('content-type', 'application/json');
  // As bytes: to a text Fastify would add a charset, which Lambda does not send.
  return reply.send(Buffer.isBuffer(answer.body) ? answer.body : Buffer.from(JSON.stringify(answer.body)));
}

/** Past Fastify, which would gather pieces: they go out as they come. */
async function sendStream(reply: FastifyReply, pieces: AsyncIterable<Uint8Array>): Promise<FastifyReply> {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(reply.statusCode, reply.getHeaders() as OutgoingHttpHeaders);
  raw.flushHeaders();
  try {
    if (await sendPieces(raw, pieces)) raw.end();
  } catch {
    raw.destroy();
  }
  return reply;
}

/** An environment's own credentials are real, so that SDKs inside work as ever, but have no policy that allows anything. */
function refuseEnvironment(
  { region }: OperationServices,
  principal: Extract<Principal, { kind: 'environment' }>,
  operation: string,
  functionName: string | undefined,
) {
  const { accountId, environmentId } = principal;
  const reference = functionName === undefined ? undefined : parseFunctionReference(functionName);
  return accessDenied({
    user: `arn:aws:sts::${accountId}:assumed-role/cloister-environment/${environmentId}`,
    operation,
    resource: reference === undefined ? '*' : formatFunctionArn({ region, accountId, ...reference }),
    policy: 'identity',
  });
}
