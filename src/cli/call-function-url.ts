import { once } from 'node:events';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { Hash } from '@smithy/hash-node';
import { SignatureV4 } from '@smithy/signature-v4';
import { CloisterError } from '../errors.ts';
import type { DaemonLocation } from './daemon-location.ts';

/** A request to the URL of a function. */
export interface UrlRequest {
  readonly url: URL;
  readonly method: string;
  /** `name: value` each. */
  readonly headers: readonly string[];
  readonly body: Buffer | undefined;
  /** The URL asks for a signature. */
  readonly signed: boolean;
}

export interface UrlAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

/** Sends it to the daemon under the URL's own host name: no resolver needs to know that name. */
export async function callFunctionUrl(location: DaemonLocation, { url, method, headers, body, signed }: UrlRequest): Promise<UrlAnswer> {
  const endpoint = new URL(location.endpoint);
  const given = { ...Object.fromEntries(headers.map(parseHeader)), host: url.host };
  const sent = signed ? await sign(location, { url, method, headers: given, body }) : given;
  const send = endpoint.protocol === 'https:' ? requestHttps : requestHttp;
  const request = send({
    host: endpoint.hostname.replace(/^\[|\]$/g, ''),
    port: endpoint.port === '' ? undefined : endpoint.port,
    method,
    path: url.pathname + url.search,
    headers: sent,
  });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { statusCode: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) };
}

async function sign(
  { region, credentials }: DaemonLocation,
  { url, method, headers, body }: { url: URL; method: string; headers: Record<string, string>; body: Buffer | undefined },
): Promise<Record<string, string>> {
  const signer = new SignatureV4({ sha256: Hash.bind(null, 'sha256'), service: 'lambda', region, credentials: { ...credentials } });
  const query: Record<string, string | string[]> = {};
  for (const name of url.searchParams.keys()) query[name] = url.searchParams.getAll(name);
  const signed = await signer.sign({ method, protocol: url.protocol, hostname: url.hostname, path: url.pathname, query, headers, body });
  return signed.headers;
}

function parseHeader(line: string): [string, string] {
  const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(line) ?? [];
  if (name !== undefined && value !== undefined) return [name.toLowerCase(), value];
  throw new CloisterError('BadMessage', `a header is "name: value", not "${line}"`, { operation: 'url call' });
}
