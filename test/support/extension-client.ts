import { type RuntimeAnswer, RuntimeClient } from './runtime-client.ts';

const api = '/2020-01-01/extension';

/** Speaks the Extensions API as one extension would, over a connection of its own. */
export class ExtensionClient {
  readonly name: string;
  readonly #client: RuntimeClient;
  #identifier = '';

  constructor(port: number, name: string) {
    this.name = name;
    this.#client = new RuntimeClient(port);
  }

  get identifier(): string {
    return this.#identifier;
  }

  async register(body: unknown = { events: ['INVOKE'] }, headers: Readonly<Record<string, string>> = {}): Promise<RuntimeAnswer> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await this.#client.send('POST', `${api}/register`, { headers: { 'Lambda-Extension-Name': this.name, ...headers }, body: text });
    this.#identifier = String(answer.headers['lambda-extension-identifier'] ?? this.#identifier);
    return answer;
  }

  next(identifier = this.#identifier): Promise<RuntimeAnswer> {
    return this.#client.send('GET', `${api}/event/next`, { headers: { 'Lambda-Extension-Identifier': identifier } });
  }

  fail(phase: 'init' | 'exit', errorType: string, body = ''): Promise<RuntimeAnswer> {
    const headers = { 'Lambda-Extension-Identifier': this.#identifier, 'Lambda-Extension-Function-Error-Type': errorType };
    return this.#client.send('POST', `${api}/${phase}/error`, { headers, body });
  }

  send(...request: Parameters<RuntimeClient['send']>): Promise<RuntimeAnswer> {
    return this.#client.send(...request);
  }

  /** Cuts its connection, and with it a poll that waits there. */
  close(): void {
    this.#client.close();
  }
}
