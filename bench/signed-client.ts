import { createHash, createHmac } from 'node:crypto';
import { Agent, request } from 'node:http';
import { SignatureV4 } from '@smithy/signature-v4';

export interface Endpoint {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** SHA-256 as the signer wants it. */
class Sha256 {
  #hash: ReturnType<typeof createHash>;
  readonly #secret: string | ArrayBuffer | Uint8Array | undefined;

  constructor(secret?: string | ArrayBuffer | Uint8Array) {
    this.#secret = secret;
    this.#hash = this.#make();
  }

  update(data: string | ArrayBuffer | Uint8Array): void {
    this.#hash.update(typeof data === 'string' ? data : Buffer.from(data as Uint8Array));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = this.#make();
  }

  #make(): ReturnType<typeof createHash> {
    if (this.#secret === undefined) return createHash('sha256');
    const key = typeof this.#secret === 'string' ? this.#secret : Buffer.from(this.#secret as Uint8Array);
    return createHmac('sha256', key) as unknown as ReturnType<typeof createHash>;
  }
}

/** A bare HTTP client over one kept connection, which signs: the least a client can cost, so that the server is what is measured. */
export class SignedClient {
  readonly #options: Endpoint;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1, noDelay: true });
  readonly #signer: SignatureV4;

  constructor(options: Endpoint) {
    this.#options = options;
    this.#signer = new SignatureV4({
      service: 'lambda',
      region: options.region,
      credentials: { accessKeyId: options.accessKeyId, secretAccessKey: options.secretAccessKey },
      sha256: Sha256,
    });
  }

  async sign(path: string, body: string): Promise<Record<string, string>> {
    const url = new URL(this.#options.endpoint);
    const signed = await this.#signer.sign({
      method: 'POST',
      protocol: 'http:',
      hostname: url.hostname,
      port: Number(url.port),
      path,
      headers: { host: url.host, 'content-type': 'application/json' },
      body,
    });
    return signed.headers;
  }

  /** Milliseconds from sending to the answer's last byte. */
  send(path: string, body: string, headers: Readonly<Record<string, string>>): Promise<{ readonly ms: number; readonly status: number; readonly body: string }> {
    return new Promise((resolve, reject) => {
      const started = performance.now();
      const url = new URL(path, this.#options.endpoint);
      const sent = request(url, { method: 'POST', agent: this.#agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => resolve({ ms: performance.now() - started, status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
        answer.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
