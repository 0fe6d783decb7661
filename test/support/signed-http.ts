import { request as httpRequest } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { Hash } from '@smithy/hash-node';
import { SignatureV4 } from '@smithy/signature-v4';
import type { RawAnswer } from './answer-faults.ts';
import type { UnsignedRequest } from './http-request.ts';

export interface SigningKey {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A request as it goes over the wire. */
export interface WireRequest {
  readonly method: string;
  /** Path and query, encoded. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

export interface SigningChoices {
  /** @default 'lambda' */
  readonly service?: string;
  /** Added to the clock. @default 0 */
  readonly offsetMs?: number;
  /** Presigned for so long instead of an Authorization header. */
  readonly expiresInSeconds?: number;
}

/** Signs as AWS's clients do. */
export async function signRequest(key: SigningKey, request: UnsignedRequest, choices: SigningChoices = {}): Promise<WireRequest> {
  const { endpoint, region, accessKeyId, secretAccessKey } = key;
  const { service = 'lambda', offsetMs = 0, expiresInSeconds } = choices;
  const { host, hostname } = new URL(endpoint);
  const credentials = { accessKeyId, secretAccessKey };
  const signer = new SignatureV4({ service, region, credentials, sha256: Hash.bind(null, 'sha256'), applyChecksum: false });
  const { method, path, body } = request;
  const toSign = {
    method,
    protocol: 'http:',
    hostname,
    path,
    query: { ...request.query },
    headers: { host, ...request.headers },
    ...(body === undefined ? {} : { body }),
  };
  const signingDate = new Date(Date.now() + offsetMs);
  const { headers, query = {} } =
    expiresInSeconds === undefined
      ? await signer.sign(toSign, { signingDate })
      : await signer.presign(toSign, { signingDate, expiresIn: expiresInSeconds });
  const pairs = Object.entries(query).flatMap(([name, value]) => [value ?? ''].flat().map((each) => `${encode(name)}=${encode(each)}`));
  return { method, target: pairs.length === 0 ? path : `${path}?${pairs.join('&')}`, headers, body };
}

/** Sends and reads the whole answer; throws when it is not there in time. */
export async function sendRequest(endpoint: string, { method, target, headers, body }: WireRequest, patienceMs: number): Promise<RawAnswer> {
  const { hostname, port } = new URL(endpoint);
  const signal = AbortSignal.timeout(patienceMs);
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(body.byteLength) };
    const sent = httpRequest({ hostname, port, method, path: target, headers: { ...length, ...headers }, setHost: false, signal }, (response) => {
      buffer(response).then((received) => {
        const names = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as const);
        resolve({ status: response.statusCode ?? 0, headers: Object.fromEntries(names), body: received });
      }, reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** As RFC 3986 and AWS have it: also what encodeURIComponent() leaves. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
