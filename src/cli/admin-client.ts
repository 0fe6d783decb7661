import { Hash } from '@smithy/hash-node';
import { SignatureV4 } from '@smithy/signature-v4';
import { CloisterError } from '../errors.ts';
import type { DaemonLocation } from './daemon-location.ts';

const basePath = '/_cloister/v1/';

/** The daemon's own operations, `/_cloister/v1/`: what Lambda's API has no word for. Requests are signed for the service `cloister`. */
export class AdminClient {
  readonly #location: DaemonLocation;
  readonly #signer: SignatureV4;

  constructor(location: DaemonLocation) {
    this.#location = location;
    this.#signer = new SignatureV4({
      sha256: Hash.bind(null, 'sha256'),
      service: 'cloister',
      region: location.region,
      credentials: { ...location.credentials },
    });
  }

  get(path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> {
    return this.#send('GET', path, query, undefined);
  }

  post(path: string, body: unknown = {}): Promise<unknown> {
    return this.#send('POST', path, {}, JSON.stringify(body));
  }

  async #send(method: 'GET' | 'POST', path: string, query: Readonly<Record<string, string>>, body: string | undefined): Promise<unknown> {
    const url = new URL(basePath + path, this.#location.endpoint);
    url.search = new URLSearchParams(query).toString();
    const signed = await this.#signer.sign({
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      ...(url.port === '' ? {} : { port: Number(url.port) }),
      path: url.pathname,
      query: { ...query },
      headers: { host: url.host, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body,
    });
    // fetch sets the host header itself, to the same value that was signed.
    const { host: _, ...headers } = signed.headers;
    const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
    const text = await response.text();
    if (!response.ok) throw refusal(response, text, method, url.pathname);
    return text === '' ? undefined : parse(text, url.pathname);
  }
}

function refusal(response: Response, text: string, method: string, path: string): CloisterError {
  const body = (isJson(text) ? JSON.parse(text) : {}) as { message?: unknown; Message?: unknown };
  const kind = response.headers.get('x-amzn-errortype')?.split(':')[0];
  const message = String(body.message ?? body.Message ?? `the daemon answered ${response.status}`);
  const code = response.status === 404 ? 'NotFound' : 'Internal';
  return new CloisterError(code, kind === undefined ? message : `${kind}: ${message}`, { operation: `${method} ${path}` });
}

function parse(text: string, path: string): unknown {
  if (isJson(text)) return JSON.parse(text);
  throw new CloisterError('Internal', 'the daemon answered something that is not JSON', { operation: `read ${path}` });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
