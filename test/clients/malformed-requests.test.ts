import { CreateFunctionCommand, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { zip } from '../../bench/zip.ts';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { role } from '../functions.ts';
import { DatabaseDigest } from '../support/database-digest.ts';
import { type RawExchange, rawExchange } from '../support/raw-exchange.ts';
import { signRequest } from '../support/signed-http.ts';
import { archiveRules } from './malformed/archive-rules.ts';
import { bodyRules } from './malformed/body-rules.ts';
import { httpRules } from './malformed/http-rules.ts';
import type { MalformedContext, MalformedRule } from './malformed/malformed-rule.ts';
import { signatureRules } from './malformed/signature-rules.ts';
import { sizeRules } from './malformed/size-rules.ts';

const patienceMs = 20_000;
const functionName = 'there';
const families = { signatures: signatureRules, bodies: bodyRules, sizes: sizeRules, archives: archiveRules, HTTP: httpRules };

let daemon: RunningDaemon;
let digest: DatabaseDigest;
let context: MalformedContext;

beforeAll(async () => {
  daemon = await startDaemon();
  const Code = { ZipFile: await zip({ 'index.js': 'exports.handler = async () => 1;\n' }) };
  await daemon
    .lambda()
    .send(new CreateFunctionCommand({ FunctionName: functionName, Role: role, Runtime: 'nodejs24.x', Handler: 'index.handler', Code }));
  digest = new DatabaseDigest(daemon.dataDir);
  const key = daemon.credentials;
  context = {
    key,
    functionName,
    sign: (request, { key: signingKey = key, ...choices } = {}) => signRequest(signingKey, request, choices),
    presign: (request, choices = {}) => signRequest(key, request, { ...choices, expiresInSeconds: 60 }),
  };
});
afterAll(async () => {
  digest?.[Symbol.dispose]();
  await daemon?.[Symbol.asyncDispose]();
});

describe('the right 4xx, and nothing changed, for', () => {
  for (const [family, rules] of Object.entries(families)) {
    // A loop, for it.each() cuts long names.
    for (const rule of rules) it(`${family}: ${rule.rule}`, () => checkRule(rule));
  }
});

describe('after all of it', () => {
  it('the daemon serves, and has nothing to tell its operator', async () => {
    const { Functions } = await daemon.lambda().send(new ListFunctionsCommand({}));
    expect(Functions?.map(({ FunctionName }) => FunctionName)).toEqual([functionName]);
    expect(daemon.errors()).not.toMatch(/control api: /);
  });
});

async function checkRule(rule: MalformedRule): Promise<void> {
  const before = digest.read();
  const bytes = await rule.bytes(context);
  const answer = await rawExchange(daemon.endpoint, bytes, { patienceMs, thenEnd: rule.thenEnd ?? false });
  expect(rule.status, `${answer.status} ${answer.body}`).toContain(answer.status);
  assertTyped(answer, rule);
  expect(digest.read()).toBe(before);
}

function assertTyped({ headers, body }: RawExchange, { type, message }: MalformedRule): void {
  expect(body).not.toMatch(/node_modules|\.ts:\d+|EACCES|ENOENT|SQLITE/);
  if (type === undefined) return;
  expect(headers['x-amzn-errortype']).toBe(type);
  expect(headers['content-type']).toBe('application/json');
  expect(headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/);
  const { message: lower, Message = lower } = JSON.parse(body) as { message?: string; Message?: string };
  expect(Message).toMatch(message ?? /\S/);
}
