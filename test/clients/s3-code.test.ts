import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateFunctionCommand,
  type LambdaClient,
  PublishLayerVersionCommand,
  UpdateFunctionCodeCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { CreateBucketCommand, PutBucketVersioningCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Credentials, type RunningDaemon, startDaemon } from '../daemon.ts';
import { invoke, role } from '../functions.ts';
import { type MotoServer, startMotoServer } from './moto-server.ts';
import { type SampleArchives, sampleArchives } from './sample-functions.ts';

const tenant = '210987654321';
let moto: MotoServer;
let daemon: RunningDaemon;
let lambda: LambdaClient;
let s3: S3Client;
let archives: SampleArchives;
let dataDir: string;

beforeAll(async () => {
  [archives, moto] = await Promise.all([sampleArchives(), startMotoServer()]);
  const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' };
  s3 = new S3Client({ endpoint: moto.endpoint, region: 'us-east-1', credentials: { ...credentials }, forcePathStyle: true });
  for (const Bucket of ['code', 'other']) await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutBucketVersioningCommand({ Bucket: 'code', VersioningConfiguration: { Status: 'Enabled' } }));
  dataDir = mkdtempSync(join(tmpdir(), 'cloister-'));
  // A name, so that the daemon's confined process has to resolve it.
  const endpoint = moto.endpoint.replace('127.0.0.1', 'localhost');
  const aws = { credentials, s3: { endpoint, buckets: { [tenant]: ['cod*'] } } };
  writeFileSync(join(dataDir, 'config.json'), JSON.stringify({ aws }), { mode: 0o600 });
  daemon = await startDaemon({ dataDir });
  lambda = daemon.lambda();
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await moto?.[Symbol.asyncDispose]();
  if (dataDir !== undefined) rmSync(dataDir, { recursive: true, force: true });
});

const create = (name: string, code: { S3Bucket: string; S3Key: string; S3ObjectVersion?: string }, client = lambda) =>
  client.send(new CreateFunctionCommand({ FunctionName: name, Runtime: 'nodejs24.x', Handler: 'index.handler', Role: role, Code: code }));
const waiting = () => ({ client: lambda, maxWaitTime: 60, minDelay: 1, maxDelay: 1 });

describe('code in S3', () => {
  it('is fetched for a function, by version of the object, and again for an update', async () => {
    const Body = (name: 'node' | 'nodeChanged') => ({ Bucket: 'code', Key: 'a key/node.zip', Body: archives[name] });
    const first = await s3.send(new PutObjectCommand(Body('node')));
    await s3.send(new PutObjectCommand(Body('nodeChanged')));
    await create('stored', {
      S3Bucket: 'code',
      S3Key: 'a key/node.zip',
      ...(first.VersionId === undefined ? {} : { S3ObjectVersion: first.VersionId }),
    });
    await waitUntilFunctionActiveV2(waiting(), { FunctionName: 'stored' });
    expect((await invoke(lambda, 'stored')).value).toMatchObject({ edition: 1 });
    await lambda.send(new UpdateFunctionCodeCommand({ FunctionName: 'stored', S3Bucket: 'code', S3Key: 'a key/node.zip' }));
    await waitUntilFunctionUpdatedV2(waiting(), { FunctionName: 'stored' });
    expect((await invoke(lambda, 'stored')).value).toMatchObject({ edition: 2 });
  });

  it('is fetched for a layer', async () => {
    await s3.send(new PutObjectCommand({ Bucket: 'code', Key: 'layer.zip', Body: archives.layer }));
    const layer = await lambda.send(new PublishLayerVersionCommand({ LayerName: 'stored', Content: { S3Bucket: 'code', S3Key: 'layer.zip' } }));
    expect(layer.Content?.CodeSize).toBe(archives.layer.byteLength);
  });

  it.each([
    [
      'a bucket that does not exist',
      { S3Bucket: 'nowhere', S3Key: 'x' },
      'S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist',
    ],
    ['a key that does not exist', { S3Bucket: 'code', S3Key: 'x' }, 'S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.'],
  ])('is refused as Lambda does for %s', async (_what, code, words) => {
    const message = `Error occurred while GetObject. ${words}`;
    await expect(create('none', code)).rejects.toMatchObject({ name: 'InvalidParameterValueException', message });
  });

  it('is refused when it is no zip', async () => {
    await s3.send(new PutObjectCommand({ Bucket: 'code', Key: 'text', Body: 'not a zip' }));
    await expect(create('none', { S3Bucket: 'code', S3Key: 'text' })).rejects.toMatchObject({ name: 'InvalidParameterValueException' });
  });

  it('of a bucket that is not listed for an account is out of its reach, though the host’s keys open it', async () => {
    await s3.send(new PutObjectCommand({ Bucket: 'other', Key: 'node.zip', Body: archives.node }));
    const { stdout } = await daemon.cli('credentials', 'create', '--account', tenant, '--json');
    const client = daemon.lambda({ ...daemon.credentials, ...(JSON.parse(stdout) as Credentials) });
    await expect(create('theirs', { S3Bucket: 'other', S3Key: 'node.zip' }, client)).rejects.toMatchObject({
      name: 'AccessDeniedException',
      $metadata: { httpStatusCode: 403 },
    });
    expect(await create('theirs', { S3Bucket: 'code', S3Key: 'a key/node.zip' }, client)).toMatchObject({ FunctionName: 'theirs' });
  });
});
