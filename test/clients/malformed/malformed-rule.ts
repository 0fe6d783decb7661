import type { UnsignedRequest } from '../../support/http-request.ts';
import type { SigningKey, WireRequest } from '../../support/signed-http.ts';

/** How a rule's bytes are made. */
export interface MalformedContext {
  readonly key: SigningKey;
  /** Signs with the given key, the operator's otherwise, at a time that is off by so much. */
  sign(
    request: UnsignedRequest,
    options?: { readonly key?: SigningKey; readonly offsetMs?: number; readonly service?: string },
  ): Promise<WireRequest>;
  /** Presigns for one minute. */
  presign(request: UnsignedRequest, options?: { readonly offsetMs?: number }): Promise<WireRequest>;
  /** A function that is there. */
  readonly functionName: string;
}

/** One way in which a request can be wrong. */
export interface MalformedRule {
  readonly rule: string;
  readonly bytes: (context: MalformedContext) => Promise<Buffer>;
  /** Any of these. */
  readonly status: readonly number[];
  /** The error's type; left out where HTTP itself is broken and the answer is not an operation's. */
  readonly type?: string;
  readonly message?: RegExp;
  /** Ends our side after the bytes, as a client does that dies. */
  readonly thenEnd?: boolean;
}

const noBody = { query: {}, headers: {}, body: undefined };

/** A request without body. */
export const getRequest = (path: string, more: Partial<UnsignedRequest> = {}): UnsignedRequest => ({ method: 'GET', path, ...noBody, ...more });

/** CreateFunction with this body. */
export const createRequest = (body: Buffer | string): UnsignedRequest => ({
  method: 'POST',
  path: '/2015-03-31/functions',
  ...noBody,
  body: Buffer.from(body),
});

/** A body for CreateFunction that is right but for what is given. */
export const createBody = (more: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ FunctionName: 'malformed', Role: 'arn:aws:iam::123456789012:role/any', Runtime: 'nodejs24.x', Handler: 'index.handler', ...more });

/** Invoke with this payload. */
export const invokeRequest = (functionName: string, more: Partial<UnsignedRequest>): UnsignedRequest => ({
  method: 'POST',
  path: `/2015-03-31/functions/${functionName}/invocations`,
  ...noBody,
  ...more,
});
