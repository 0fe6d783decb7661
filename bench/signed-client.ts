import { Agent, request } from 'node:http';
import { Hash } from '@smithy/hash-node';
import { SignatureV4 } from '@smithy/signature-v4';

export interface Endpoint {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** What requests are signed for, and how they are sent. @default lambda, POST */
  readonly service?: 'lambda' | 'cloister';
  readonly method?: 'POST' | 'GET';
}

/** A bare HTTP client over one kept connection, which signs: the least a client can cost, so that the server is what is measured. */
export class SignedClient {
  readonly #options: Endpoint;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #signer: SignatureV4;

  constructor(options: Endpoint) {
    this.#options = options;
    this.#signer = new SignatureV4({
      service: options.service ?? 'lambda',
      region: options.region,
      credentials: { accessKeyId: options.accessKeyId, secretAccessKey: options.secretAccessKey },
      sha256: Hash.bind(null, 'sha256'),
    });
  }

  async sign(path: string, body: string): Promise<Record<string, string>> {
    const url = new URL(this.#options.endpoint);
    const signed = await this.#signer.sign({
      method: this.#options.method ?? 'POST',
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
  send(
    path: string,
    body: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<{ readonly ms: number; readonly status: number; readonly body: string }> {
    return new Promise((resolve, reject) => {
      const started = performance.now();
      const url = new URL(path, this.#options.endpoint);
      const sent = request(
        url,
        { method: this.#options.method ?? 'POST', agent: this.#agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('end', () =>
            resolve({ ms: performance.now() - started, status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
          );
          answer.on('error', reject);
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
