import { setTimeout as delay } from 'node:timers/promises';
import {
  CreateAliasCommand,
  CreateFunctionCommand,
  GetAliasCommand,
  GetFunctionCommand,
  PublishLayerVersionCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { zip } from '../../bench/zip.ts';
import type { OperationModel } from '../../src/control-api/service-model.ts';
import { operationModels } from '../../src/control-api/service-model.ts';
import { supportedOperations } from '../../src/control-api/supported-operations.ts';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { role } from '../functions.ts';
import { answerFaults, type RawAnswer } from '../support/answer-faults.ts';
import { DatabaseDigest } from '../support/database-digest.ts';
import { toHttpRequest, type UnsignedRequest } from '../support/http-request.ts';
import { type GeneratedInput, inputArbitrary, type KnownValues } from '../support/shape-arbitrary.ts';
import { sendRequest, signRequest } from '../support/signed-http.ts';

/** Another one shows other requests: `FUZZ_SEED=7 vitest run --project clients test/clients/api-fuzz.test.ts`. */
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_125);
const wantedRequests = Number(process.env['FUZZ_REQUESTS'] ?? 2_200);
const patienceMs = 20_000;
const functions = ['fuzz-a', 'fuzz-b'] as const;
const operations = [...supportedOperations.keys()].map((name) => ({ name, model: modelOf(name) }));
const runsEach = Math.ceil(wantedRequests / operations.length);

let daemon: RunningDaemon;
let digest: DatabaseDigest;
let known: KnownValues;
let sent = 0;
let succeeded = 0;
let code: Uint8Array;
/** Something was accepted since the resources were looked at. */
let isStale = true;

beforeAll(async () => {
  daemon = await startDaemon();
  code = await zip({ 'index.js': 'exports.handler = async (event) => event;\n' });
  digest = new DatabaseDigest(daemon.dataDir);
  known = await knownValues();
  console.log(`api-fuzz: seed ${seed}, ${runsEach} requests for each of ${operations.length} operations`);
});
afterAll(async () => {
  digest?.[Symbol.dispose]();
  await daemon?.[Symbol.asyncDispose]();
});

describe('arbitrary input from the service model', () => {
  it.each(operations)(
    '$name answers it, and a refusal changes nothing',
    async ({ name, model }) => {
      await ensureResources();
      await fc.assert(
        fc.asyncProperty(inputArbitrary(model, known), (input) => checkOne(name, model, input)),
        { seed, numRuns: runsEach, interruptAfterTimeLimit: 120_000 },
      );
    },
    180_000,
  );

  it('was sent often enough, and some of it was accepted', () => {
    console.log(`api-fuzz: ${sent} requests, ${succeeded} of them succeeded`);
    expect(sent).toBeGreaterThanOrEqual(Math.min(wantedRequests, 2_000));
    expect(succeeded).toBeGreaterThan(sent / 50);
    expect(daemon.errors()).not.toMatch(/control api: /);
  });

  it('would have shown in the database', async () => {
    await ensureResources();
    const before = digest.read();
    expect(digest.read()).toBe(before);
    await daemon.lambda().send(new UpdateFunctionConfigurationCommand({ FunctionName: functions[0], Description: String(seed) }));
    expect(digest.read()).not.toBe(before);
  });
});

async function checkOne(operation: string, model: OperationModel, input: GeneratedInput): Promise<void> {
  if (isStale) await ensureResources();
  const request = toHttpRequest(model, input);
  const before = digest.read();
  const answer = await send(request);
  sent += 1;
  if (answer.status < 300) {
    succeeded += 1;
    isStale = request.method !== 'GET';
  }
  // Every request is signed rightly: a refusal of the signature would mean that nothing behind it was asked.
  expect(answer.headers['x-amzn-errortype'] ?? '').not.toMatch(/Signature|Unrecognized/);
  expect(answer.status, String(answer.body)).toSatisfy((status: number) => (status >= 200 && status < 300) || (status >= 400 && status < 500));
  // An empty name makes the path another operation's.
  if (!/\/(?:\.|\.\.|%2E|)(?:\/|$)/i.test(request.path)) expect(answerFaults(operation, answer)).toEqual([]);
  expect(String(answer.body)).not.toMatch(/\/var\/lib|node_modules|\.ts:\d+|EACCES|ENOENT|SQLITE/);
  if (answer.status >= 400) await expectUnchanged(request, before);
}

const send = async (request: UnsignedRequest): Promise<RawAnswer> =>
  sendRequest(daemon.endpoint, await signRequest(daemon.credentials, request), patienceMs);

/** A difference may be what an earlier request set in motion: then the refusal is asked for again, of the same resources at rest. */
async function expectUnchanged(request: UnsignedRequest, before: string): Promise<void> {
  if (digest.read() === before) return;
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await ensureResources();
    const resting = await restingDigest();
    const { status } = await send(request);
    if (status < 400 || digest.read() === resting) return;
  }
  expect.fail('a refused request changed the database');
}

/** Throws when something goes on changing by itself. */
async function restingDigest(): Promise<string> {
  for (let earlier = digest.read(), looks = 0; looks < 50; looks += 1) {
    await delay(200);
    const now = digest.read();
    if (now === earlier) return now;
    earlier = now;
  }
  throw new Error('the database goes on changing without a request');
}

/** The functions that requests name, with a version and, when there are aliases, one; earlier requests may have deleted them. */
async function ensureResources(): Promise<void> {
  isStale = false;
  const lambda = daemon.lambda();
  for (const FunctionName of functions) {
    if (!(await exists(lambda.send(new GetFunctionCommand({ FunctionName }))))) {
      const input = { FunctionName, Role: role, Runtime: 'nodejs24.x', Handler: 'index.handler', Code: { ZipFile: code }, Publish: true } as const;
      await lambda.send(new CreateFunctionCommand(input));
    }
    if (!supportedOperations.has('CreateAlias') || (await exists(lambda.send(new GetAliasCommand({ FunctionName, Name: 'live' }))))) continue;
    await lambda.send(new CreateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '$LATEST' }));
  }
}

/** False only for what is not found. */
const exists = (asked: Promise<unknown>): Promise<boolean> =>
  asked.then(
    () => true,
    (error: Error) => {
      if (error.name === 'ResourceNotFoundException') return false;
      throw error;
    },
  );

async function knownValues(): Promise<KnownValues> {
  const { region, accountId } = daemon.credentials;
  const layerZip = await zip({ 'a.txt': 'a\n' });
  const layer = await daemon.lambda().send(new PublishLayerVersionCommand({ LayerName: 'fuzz-layer', Content: { ZipFile: layerZip } }));
  const arn = (name: string) => `arn:aws:lambda:${region}:${accountId}:function:${name}`;
  const names = [...functions, 'absent', arn('fuzz-a'), `${accountId}:function:fuzz-b`, 'fuzz-a:1', 'fuzz-b:$LATEST', arn('fuzz-a:live')];
  const foreign = [`arn:aws:lambda:${region}:210987654321:function:fuzz-a`, `arn:aws:lambda:eu-west-1:${accountId}:function:fuzz-a`];
  const functionNames = [...names, ...names, ...foreign];
  const qualifiers = ['$LATEST', '1', '2', 'live', 'absent'];
  const resources = [
    arn('fuzz-a'),
    arn('fuzz-a'),
    arn('fuzz-b:1'),
    layer.LayerArn,
    `arn:aws:lambda:${region}:${accountId}:code-signing-config:csc-0123456789abcdef0`,
  ];
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  return {
    FunctionName: functionNames,
    NamespacedFunctionName: functionNames,
    UnqualifiedFunctionName: functionNames,
    FunctionUrlFunctionName: functionNames,
    Qualifier: qualifiers,
    NumericLatestPublishedOrAliasQualifier: qualifiers,
    PublishedFunctionQualifier: qualifiers,
    VersionWithLatestPublished: qualifiers,
    FunctionUrlQualifier: ['live', 'absent'],
    Alias: ['live', 'canary'],
    AdditionalVersion: ['1', '2'],
    LayerNameOrArn: ['fuzz-layer', 'absent-layer', layer.LayerArn],
    LayerName: ['fuzz-layer', layer.LayerArn],
    LayerVersionArn: [layer.LayerVersionArn, `${layer.LayerArn}:99`],
    LayerVersionNumber: [1, 2, 99],
    TaggableResource: resources,
    PolicyResourceArn: resources,
    RoleArn: [role],
    Runtime: ['nodejs24.x', 'python3.13'],
    Handler: ['index.handler'],
    Blob: [base64(layerZip), base64(layerZip), base64(Buffer.from('PK\u0003\u0004 and no zip')), ''],
    StatementId: ['one', 'two'],
    NamespacedStatementId: ['one', 'two'],
    Principal: ['s3.amazonaws.com', '210987654321', '*', 'arn:aws:iam::210987654321:root'],
    LayerPermissionAllowedPrincipal: ['210987654321', '*'],
    Action: ['lambda:InvokeFunction', 'lambda:GetFunction', 'lambda:*'],
    DestinationArn: [arn('fuzz-b'), `arn:aws:sqs:${region}:${accountId}:queue`],
    ResourceArn: [`arn:aws:sqs:${region}:${accountId}:queue`, ''],
    CodeSigningConfigArn: [`arn:aws:lambda:${region}:${accountId}:code-signing-config:csc-0123456789abcdef0`],
    PackageType: ['Zip', 'Zip', 'Zip', 'Image'],
    Architecture: ['x86_64'],
    // Nothing of another kind than RequestResponse would end before the next request.
    InvocationType: ['DryRun', 'DryRun', 'DryRun', 'RequestResponse'],
  };
}

function modelOf(name: string): OperationModel {
  const model = operationModels.get(name);
  if (model === undefined) throw new Error(`${name} is not in the service model`);
  return model;
}
