import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import * as logs from '@aws-sdk/client-cloudwatch-logs';
import * as lambda from '@aws-sdk/client-lambda';
import type { Credentials } from '../daemon.ts';
import type { RawAnswer } from '../support/answer-faults.ts';
import type { ServiceName } from '../support/answer-model.ts';
import type { CallOutcome, ClientCall, RealClient } from './call-outcome.ts';
import type { CallerName, Members } from './client-case.ts';

/** What both services' clients have; their own types tie every command to its service. */
interface AnyClient {
  readonly middlewareStack: { add(middleware: unknown, options: object): void };
  send(command: unknown): Promise<object & { readonly $metadata?: unknown }>;
  destroy(): void;
}
type CommandClass = new (input: Members) => unknown;

/** AWS's SDK for JavaScript. Each operation has its command class; what comes over HTTP is kept beside what the SDK makes of it. */
export class JavascriptClient implements RealClient {
  readonly #callers: Readonly<Record<CallerName, Credentials>>;
  readonly #clients = new Map<string, AnyClient>();
  #raw: RawAnswer | undefined;

  constructor(callers: Readonly<Record<CallerName, Credentials>>) {
    this.#callers = callers;
  }

  async call({ service, operation, as, input }: ClientCall): Promise<CallOutcome> {
    const commands = (service === 'lambda' ? lambda : logs) as unknown as Readonly<Record<string, CommandClass>>;
    const Command = commands[`${operation}Command`];
    if (Command === undefined) throw new Error(`the JavaScript SDK has no ${operation}`);
    this.#raw = undefined;
    try {
      const { $metadata: _metadata, ...answer } = await this.#client(service, as).send(new Command(input));
      return { raw: this.#lastRaw(), answer: (await plain(answer)) as Members };
    } catch (error) {
      if (!(error instanceof Error) || !('$metadata' in error) || this.#raw === undefined) throw error;
      return { raw: this.#lastRaw(), error: { code: error.name, message: error.message } };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients.values()) client.destroy();
  }

  #lastRaw(): RawAnswer {
    if (this.#raw === undefined) throw new Error('the SDK answered without a request');
    return this.#raw;
  }

  #client(service: ServiceName, as: CallerName): AnyClient {
    const known = this.#clients.get(`${service} ${as}`);
    if (known !== undefined) return known;
    const credentials = this.#callers[as];
    const options = { endpoint: credentials.endpoint, region: credentials.region, credentials, maxAttempts: 1 };
    const client = (service === 'lambda' ? new lambda.LambdaClient(options) : new logs.CloudWatchLogsClient(options)) as unknown as AnyClient;
    this.#record(client);
    this.#clients.set(`${service} ${as}`, client);
    return client;
  }

  #record(client: AnyClient): void {
    const recording = (next: (request: unknown) => Promise<{ response: RecordedResponse }>) => async (request: unknown) => {
      const result = await next(request);
      const { response } = result;
      const body = await buffer(response.body);
      this.#raw = { status: response.statusCode, headers: response.headers, body };
      response.body = Readable.from([body], { objectMode: false });
      return result;
    };
    // ORDER: nearest to the wire, before the SDK reads the body.
    client.middlewareStack.add(recording, { step: 'deserialize', priority: 'low', name: 'recordRawAnswer' });
  }
}

interface RecordedResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  body: Readable;
}

async function gather(events: AsyncIterable<unknown>): Promise<readonly unknown[]> {
  const gathered: unknown[] = [];
  for await (const event of events) gathered.push(event);
  return gathered;
}

/** Bytes as text, dates as ISO 8601, streams of events as lists. */
async function plain(value: unknown): Promise<unknown> {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object' || value === null) return value;
  if (Symbol.asyncIterator in value) return plain(await gather(value as AsyncIterable<unknown>));
  if (Array.isArray(value)) return Promise.all(value.map(plain));
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(await Promise.all(entries.map(async ([name, member]) => [name, await plain(member)] as const)));
}
