import { expect } from 'vitest';
import type { ActorProcess } from '../harness/actor-process.ts';
import type { HttpAnswer } from '../harness/http-answer.ts';
import type { RawConnection } from '../harness/raw-connection.ts';
import type { Stage } from '../harness/stage.ts';

export const docs = 'AWS: Using the Lambda Extensions API';
export const rie = 'aws-lambda-rie';
export const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export const registerPath = '/2020-01-01/extension/register';
const nextPath = '/2020-01-01/extension/event/next';
export type ExtensionEvents = readonly ('INVOKE' | 'SHUTDOWN')[];

/** Registers by any bytes, over any connection. */
export function register(api: RawConnection, name: string | undefined, body: string, headers: Readonly<Record<string, string>> = {}) {
  return api.ask({ path: registerPath, body, headers: { ...(name === undefined ? {} : { 'Lambda-Extension-Name': name }), ...headers } });
}

/** The refusal of an extension: always 403, always JSON of these two members. */
export function expectForbidden(answer: HttpAnswer, errorType: string, errorMessage: string | RegExp): void {
  expect({ status: answer.status, type: answer.header('content-type') }).toEqual({ status: 403, type: 'application/json' });
  expect(answer.json()).toEqual({ errorType, errorMessage: expect.stringMatching(errorMessage) });
}

/** One extension in the hands of a case: a process of its own, or a part of the runtime's. */
export class PlayedExtension {
  readonly actor: ActorProcess;
  readonly api: RawConnection;
  readonly identifier: string;

  private constructor(actor: ActorProcess, api: RawConnection, identifier: string) {
    this.actor = actor;
    this.api = api;
    this.identifier = identifier;
  }

  static async register(actor: ActorProcess, name: string, events: ExtensionEvents): Promise<PlayedExtension> {
    const api = await actor.connect();
    const answer = await register(api, name, JSON.stringify({ events }));
    expect(answer.status).toBe(200);
    return new PlayedExtension(actor, api, answer.header('lambda-extension-identifier') ?? '');
  }

  /** The process that comes up by this name, registered. */
  static async meet(stage: Stage, name: string, events: ExtensionEvents = ['INVOKE', 'SHUTDOWN']): Promise<PlayedExtension> {
    return PlayedExtension.register(await stage.process(name), name, events);
  }

  /** Asks for the next event; `event` gives it. */
  askForNext(): void {
    this.api.send({ path: nextPath, headers: { 'Lambda-Extension-Identifier': this.identifier } });
  }

  event(withinMs?: number): Promise<HttpAnswer> {
    return this.api.answer(withinMs);
  }

  /** Asks on a connection of its own, while the first one may wait. */
  async askElsewhere(identifier: string | undefined = this.identifier): Promise<HttpAnswer> {
    const headers: Record<string, string> = identifier === undefined ? {} : { 'Lambda-Extension-Identifier': identifier };
    return (await this.actor.connect()).ask({ path: nextPath, headers });
  }

  fail(phase: 'init' | 'exit', errorType: string | undefined, body = '{}'): Promise<HttpAnswer> {
    const headers = {
      'Lambda-Extension-Identifier': this.identifier,
      ...(errorType === undefined ? {} : { 'Lambda-Extension-Function-Error-Type': errorType }),
    };
    return this.api.ask({ path: `/2020-01-01/extension/${phase}/error`, body, headers });
  }
}

/** A runtime's part: the next event of `api`, answered. */
export async function respond(api: RawConnection, event: HttpAnswer, body = '"done"'): Promise<void> {
  const requestId = event.header('lambda-runtime-aws-request-id') ?? '';
  expect((await api.ask({ path: `runtime/invocation/${requestId}/response`, body })).status).toBe(202);
}

export const runtimeNext = 'runtime/invocation/next';
