import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { formatFunctionArn } from '../../functions/arn.ts';
import type { FunctionUrl } from '../../functions/function-url.ts';
import type { FunctionLimits } from '../../functions/limits.ts';
import { policyAllows } from '../../functions/resource-policy.ts';
import type { Invoker } from '../../invoke/invoker.ts';
import { rootedTraceHeader } from '../../invoke/trace-header.ts';
import { ApiError } from '../api-error.ts';
import { expectUsable } from '../function-configuration/function-state.ts';
import { answerError } from '../internal-error-answers.ts';
import { resolveForInvoke } from '../resolve-qualifier.ts';
import { sendPieces } from '../send-pieces.ts';
import type { PendingVerification, RequestVerifier } from '../sigv4/request-verifier.ts';
import { parseTarget } from '../sigv4/signed-request.ts';
import type { AccessKey } from '../stores/access-key-directory.ts';
import { callerArn } from '../stores/access-key-directory.ts';
import type { AliasStore } from '../stores/alias-store.ts';
import type { FunctionStore } from '../stores/function-store.ts';
import type { FunctionUrlStore } from '../stores/function-url-store.ts';
import type { PolicyStore } from '../stores/policy-store.ts';
import { BodyBudget } from './body-budget.ts';
import { type StreamedUrlAnswer, streamedUrlAnswer } from './streamed-url-answer.ts';
import { badGateway, functionUrlAnswer, gatewayTimeout, type UrlAnswer } from './url-answer.ts';
import { preflightAnswer, withCors } from './url-cors.ts';
import { functionUrlEvent } from './url-event.ts';
import type { UrlTarget } from './url-location.ts';

export interface FunctionUrlServices {
  readonly functions: FunctionStore;
  readonly aliases: AliasStore;
  readonly policies: PolicyStore;
  readonly urls: FunctionUrlStore;
  readonly invoker: Invoker;
  readonly verifier: RequestVerifier;
  readonly limits: FunctionLimits;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Below 1: chooses a version where an alias has two. */
  readonly random: () => number;
  readonly logError: (error: unknown) => void;
}

const mebibyte = 1_048_576;
const bodyIdleTimeoutMs = 20_000;
const sendIdleTimeoutMs = 60_000;
const forbiddenMessage =
  'Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html';

/** Serves requests of function URLs: who may ask, one invocation, and its answer as HTTP. */
export class FunctionUrlHandler {
  readonly #services: FunctionUrlServices;
  readonly #bodies: BodyBudget;

  constructor(services: FunctionUrlServices) {
    this.#services = services;
    const { maxInvokePayloadBytes } = services.limits;
    this.#bodies = new BodyBudget({
      maxBodyBytes: maxInvokePayloadBytes,
      maxUrlBytes: 64 * mebibyte,
      maxTotalBytes: 256 * mebibyte,
      idleTimeoutMs: bodyIdleTimeoutMs,
    });
  }

  async handle(target: UrlTarget, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID();
    const { headers } = request;
    const given = headers['x-amzn-trace-id'];
    const traceId = rootedTraceHeader(typeof given === 'string' ? given : undefined, this.#services.clock());
    let answer: UrlAnswer | StreamedUrlAnswer;
    try {
      answer = await this.#answer(target, request, { requestId, traceId });
    } catch (error) {
      answer = this.#refusal(error);
    }
    try {
      await send(response, answer, { requestId, traceId });
    } catch (error) {
      this.#services.logError(error);
      response.destroy();
    }
  }

  /** ORDER: whatever can refuse the request comes before its body is read. */
  async #answer(target: UrlTarget, request: IncomingMessage, ids: { requestId: string; traceId: string }): Promise<UrlAnswer | StreamedUrlAnswer> {
    const { urls } = this.#services;
    const url = await urls.findById(target.urlId);
    if (url === undefined) return unknownUrl;
    const { method = 'GET' } = request;
    const headers = request.headersDistinct;
    const preflight = url.cors === undefined ? undefined : preflightAnswer(url.cors, { method, headers });
    if (preflight !== undefined) return preflight;
    const pending = url.authType === 'AWS_IAM' ? this.#beginVerification(request) : undefined;
    await this.#authorize(url, pending);
    const { body, release } = await this.#bodies.read(url.urlId, request);
    using held = new DisposableStack();
    held.defer(release);
    if (pending !== undefined) await this.#services.verifier.finish(pending, body);
    const answer = await this.#invoke({ url, target, request, body, signer: keyOf(pending), ...ids });
    if ('isWhole' in answer) {
      const kept = held.move();
      void answer.isWhole.finally(() => kept.dispose());
    }
    return withCors(answer, url.cors, headers);
  }

  #beginVerification(request: IncomingMessage): PendingVerification {
    const { method = '', url = '', headers } = request;
    const parsed = parseTarget(url);
    if (parsed === undefined) throw forbidden();
    try {
      // SECURITY: without a prototype: a signature may name any header, `constructor` too.
      return this.#services.verifier.begin({ method, ...parsed, headers: Object.assign(Object.create(null), headers) }, 'lambda');
    } catch (error) {
      throw error instanceof ApiError && error.type === 'MissingAuthenticationTokenException' ? forbidden() : error;
    }
  }

  /**
   * Both actions must be allowed (AWS, since October 2025): to everybody where nobody signs, to the signer where it is of another account.
   * SECURITY: of a signature that is only claimed yet, no more is told than that the claim is refused.
   */
  async #authorize(url: FunctionUrl, pending: PendingVerification | undefined): Promise<void> {
    const key = keyOf(pending);
    if (pending !== undefined && key === undefined) throw forbidden();
    if (key?.accountId === url.accountId) return;
    const policy = await this.#services.policies.findForFunction(url);
    const caller = key === undefined ? ('anonymous' as const) : { accountId: key.accountId, arn: callerArn(key) };
    const viaUrl = { 'lambda:invokedviafunctionurl': 'true' };
    const isAllowed =
      policyAllows(policy, { caller, action: 'lambda:InvokeFunctionUrl', context: { ...viaUrl, 'lambda:functionurlauthtype': url.authType } }) &&
      policyAllows(policy, { caller, action: 'lambda:InvokeFunction', context: viaUrl });
    if (!isAllowed) throw forbidden();
  }

  async #invoke(call: {
    url: FunctionUrl;
    target: UrlTarget;
    request: IncomingMessage;
    body: Buffer;
    signer: AccessKey | undefined;
    requestId: string;
    traceId: string;
  }): Promise<UrlAnswer | StreamedUrlAnswer> {
    const { url, target, request, body, signer, requestId, traceId } = call;
    const { invoker, region, clock } = this.#services;
    const version = await resolveForInvoke(this.#services, { key: url, qualifier: url.qualifier });
    if (version === undefined) throw forbidden();
    // SECURITY: a request of a URL names no tenant, and a function with tenant isolation serves nobody else.
    if (version.tenantIsolationMode !== undefined) throw forbidden();
    expectUsable(version.state);
    const payload = functionUrlEvent({
      target,
      method: request.method ?? 'GET',
      httpVersion: request.httpVersion,
      headers: request.headersDistinct,
      body,
      sourceIp: (request.socket.remoteAddress ?? '').replace(/^::ffff:/, ''),
      port: request.socket.localPort ?? 0,
      requestId,
      traceId,
      timeMs: clock(),
      signer,
    });
    const { accountId, functionName, qualifier } = url;
    const invocation = {
      requestId,
      function: version,
      invokedFunctionArn: formatFunctionArn({ region, accountId, functionName, qualifier }),
      payload,
      traceHeader: traceId,
      logTail: false,
    };
    if (url.invokeMode === 'RESPONSE_STREAM') return streamedUrlAnswer(await invoker.invokeStreaming(invocation));
    const result = await invoker.invoke(invocation);
    if (result.functionError === undefined) return functionUrlAnswer(result.payload);
    return result.timedOut === true ? gatewayTimeout : badGateway;
  }

  #refusal(error: unknown): UrlAnswer {
    const { answer, unexpected } = answerError(error, this.#services.limits);
    if (unexpected) this.#services.logError(error);
    const { retryAfterSeconds } = answer;
    const told = errorAnswer(answer.status, answer.type, answer.toBody());
    return retryAfterSeconds === undefined ? told : { ...told, headers: [...told.headers, ['retry-after', String(retryAfterSeconds)]] };
  }
}

/** Lambda's answer for a host name that is no function's. */
const unknownUrl = errorAnswer(403, 'AccessDeniedException', { Message: null });

function errorAnswer(status: number, type: string, body: object): UrlAnswer {
  return {
    status,
    headers: [
      ['content-type', 'application/json'],
      ['x-amzn-errortype', type],
    ],
    body: Buffer.from(JSON.stringify(body)),
  };
}

function forbidden(): ApiError {
  return new ApiError('AccessDeniedException', forbiddenMessage);
}

function keyOf(pending: PendingVerification | undefined): AccessKey | undefined {
  return pending?.principal.kind === 'accessKey' ? pending.principal.key : undefined;
}

async function send(
  response: ServerResponse,
  answer: UrlAnswer | StreamedUrlAnswer,
  ids: { readonly requestId: string; readonly traceId: string },
): Promise<void> {
  const { status, headers } = answer;
  if (!response.destroyed) {
    response.statusCode = status;
    for (const [name, value] of headers) response.appendHeader(name, value);
    response.setHeader('x-amzn-requestid', ids.requestId);
    response.setHeader('x-amzn-trace-id', ids.traceId);
  }
  if ('pieces' in answer) return sendStream(response, answer);
  if (response.destroyed) return;
  // SECURITY: who does not read the answer does not keep it here.
  response.setTimeout(sendIdleTimeoutMs, () => response.destroy());
  if (hasNoBody(status)) response.end();
  else response.setHeader('content-length', answer.body.length).end(answer.body);
}

async function sendStream(response: ServerResponse, { status, pieces, isWhole }: StreamedUrlAnswer): Promise<void> {
  if (!response.destroyed) response.flushHeaders();
  if (hasNoBody(status)) for await (const _piece of pieces);
  else if (!(await sendPieces(response, pieces))) return;
  // Without its end the client knows that there should have been more.
  if (await isWhole) response.end();
  else response.destroy();
}

function hasNoBody(status: number): boolean {
  return status === 204 || status === 304;
}
