import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { ActorProcess } from '../harness/actor-process.ts';
import type { HttpAnswer } from '../harness/http-answer.ts';
import { patienceMs, type RawConnection } from '../harness/raw-connection.ts';
import type { Stage } from '../harness/stage.ts';

export const docs = 'AWS: Lambda Telemetry API';
export const reference = 'AWS: Lambda Telemetry API reference';
export const schemas = 'AWS: Lambda Telemetry API Event schema reference';
export const rie = 'aws-lambda-rie';

export const telemetryPath = '/2022-07-01/telemetry';
export const registerPath = '/2020-01-01/extension/register';
export const extensionNextPath = '/2020-01-01/extension/event/next';
export const runtimeNextPath = 'runtime/invocation/next';

/** An event as a subscriber gets it. */
export interface ToldEvent {
  readonly time: string;
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: records have many shapes, and a case compares the one it waits for
  readonly record: any;
}

/** A whole and good subscription, but for what the case says otherwise. */
export function subscription(port: number, more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    schemaVersion: '2022-12-13',
    types: ['platform', 'function', 'extension'],
    buffering: { maxItems: 1_000, maxBytes: 262_144, timeoutMs: 25 },
    destination: { protocol: 'HTTP', URI: `http://sandbox.localdomain:${port}/telemetry` },
    ...more,
  };
}

/** An extension in the hands of a case: a process of its own, or a part of the runtime's. */
export class PlayedSubscriber {
  readonly actor: ActorProcess;
  readonly api: RawConnection;
  readonly identifier: string;
  /** All that has been POSTed to it so far, and where. */
  readonly events: ToldEvent[] = [];
  readonly heads: string[] = [];
  /** What it answers a POST with; undefined: nothing. */
  answer: string | undefined = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
  /** KiB that follow it. */
  floodKiB = 0;

  private constructor(actor: ActorProcess, api: RawConnection, identifier: string) {
    this.actor = actor;
    this.api = api;
    this.identifier = identifier;
  }

  static async register(actor: ActorProcess, name: string, events: readonly string[] = []): Promise<PlayedSubscriber> {
    const api = await actor.connect();
    const answer = await api.ask({ path: registerPath, body: JSON.stringify({ events }), headers: { 'Lambda-Extension-Name': name } });
    expect(answer.status).toBe(200);
    return new PlayedSubscriber(actor, api, answer.header('lambda-extension-identifier') ?? '');
  }

  subscribe(body: unknown, headers: Readonly<Record<string, string>> = { 'Lambda-Extension-Identifier': this.identifier }): Promise<HttpAnswer> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return this.api.ask({ method: 'PUT', path: telemetryPath, body: text, headers: { 'Content-Type': 'application/json', ...headers } });
  }

  /** Takes every POST to this port from now on. */
  async listen(port: number): Promise<void> {
    const listener = await this.actor.listen(port);
    const takeAll = async (): Promise<void> => {
      for (;;) await this.#take(await listener.accepted(3_600_000));
    };
    takeAll().catch(() => undefined);
  }

  /** Listens and subscribes. */
  async subscribeTo(port: number, more: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await this.listen(port);
    const answer = await this.subscribe(subscription(port, more));
    expect([answer.status, answer.text]).toEqual([200, '"OK"']);
  }

  /** Resolves with the first event of this type that fits, told by now or later. */
  async told(type: string, fits: (event: ToldEvent) => boolean = () => true): Promise<ToldEvent> {
    return eventually(`${type} was told`, () => this.events.find((event) => event.type === type && fits(event)));
  }

  async #take(connection: RawConnection): Promise<void> {
    const [head, length] = await connection.received(/^[\s\S]*?Content-Length: (\d+)[\s\S]*?\r\n\r\n/);
    await connection.received(new RegExp(`\\r\\n\\r\\n[\\s\\S]{${length}}$`));
    this.heads.push(head);
    this.events.push(...(JSON.parse(Buffer.from(connection.unread.slice(head.length), 'latin1').toString()) as ToldEvent[]));
    if (this.answer !== undefined) connection.write(this.answer);
    if (this.floodKiB > 0) connection.write('x'.repeat(1_024), this.floodKiB);
  }
}

/** Looks again and again until there is something. */
export async function eventually<T>(what: string, look: () => T | undefined): Promise<T> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() > untilMs) throw new Error(`${patienceMs} ms passed before ${what}`);
    await delay(5);
  }
}

/** A runtime that has come up, with a subscriber as a part of it. Nothing has asked for an event yet. */
export async function meetInternal(stage: Stage): Promise<{ readonly runtime: ActorProcess; readonly subscriber: PlayedSubscriber }> {
  const runtime = await stage.process();
  return { runtime, subscriber: await PlayedSubscriber.register(runtime, 'inside') };
}

/** The runtime's part of an invocation: the next event, answered after what the case does with it. */
export async function playInvocation(api: RawConnection, during: (event: HttpAnswer) => Promise<void> | void = () => undefined): Promise<string> {
  const event = await api.answer();
  await during(event);
  const requestId = event.header('lambda-runtime-aws-request-id') ?? '';
  expect((await api.ask({ path: `runtime/invocation/${requestId}/response`, body: '"done"' })).status).toBe(202);
  return requestId;
}
