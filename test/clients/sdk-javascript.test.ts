import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  GetLayerVersionCommand,
  InvokeCommand,
  type LambdaClient,
  ListEventSourceMappingsCommand,
  ListFunctionsCommand,
  PublishLayerVersionCommand,
  PublishVersionCommand,
  paginateListFunctions,
  type Runtime,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Credentials, type RunningDaemon, startDaemon } from '../daemon.ts';
import { invoke, role } from '../functions.ts';
import { type SampleArchives, sampleArchives, samples } from './sample-functions.ts';

let daemon: RunningDaemon;
let lambda: LambdaClient;
let archives: SampleArchives;

beforeAll(async () => {
  archives = await sampleArchives();
  daemon = await startDaemon();
  lambda = daemon.lambda();
});
afterAll(() => daemon?.[Symbol.asyncDispose]());

const updated = (name: string) => waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { FunctionName: name });

describe('@aws-sdk/client-lambda', () => {
  it.each(samples)('creates a function for $runtime and invokes it', async ({ archive, runtime, event, answer }) => {
    const created = await lambda.send(
      new CreateFunctionCommand({
        FunctionName: archive,
        Runtime: runtime as Runtime,
        Handler: 'index.handler',
        Role: role,
        Timeout: 20,
        Code: { ZipFile: archives[archive] },
      }),
    );
    expect(created).toMatchObject({ FunctionName: archive, Runtime: runtime, MemorySize: 128, Timeout: 20, Version: '$LATEST', PackageType: 'Zip' });
    expect(created.FunctionArn).toBe(`arn:aws:lambda:us-east-1:123456789012:function:${archive}`);
    await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { FunctionName: archive });
    const { value, functionError, log } = await invoke(lambda, archive, event);
    expect({ value, functionError }).toEqual({ value: answer, functionError: undefined });
    expect(log).toMatch(/^(INIT_START .*\n)?START RequestId: /m);
    // Node's interface client puts time and request id before what is logged.
    expect(log).toMatch(/the (word is garden|event has \d+ bytes)$/m);
    expect(log).toMatch(/^REPORT RequestId: .*Billed Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB/m);
  });

  it('answers the error of a function in its body and marks it', async () => {
    const node = await invoke(lambda, 'node', { fail: true });
    expect(node.functionError).toBe('Unhandled');
    expect(node.value).toMatchObject({ errorType: 'TypeError', errorMessage: 'asked to fail', trace: expect.any(Array) });
    const python = await invoke(lambda, 'python', { fail: true });
    expect(python.functionError).toBe('Unhandled');
    expect(python.value).toMatchObject({ errorType: 'ValueError', errorMessage: 'asked to fail', stackTrace: expect.any(Array) });
  });

  it('runs new code after UpdateFunctionCode, and the published version runs the old', async () => {
    const published = await lambda.send(new PublishVersionCommand({ FunctionName: 'node' }));
    expect(published.Version).toBe('1');
    const before = await lambda.send(new GetFunctionCommand({ FunctionName: 'node' }));
    const changed = await lambda.send(new UpdateFunctionCodeCommand({ FunctionName: 'node', ZipFile: archives.nodeChanged }));
    expect(changed.CodeSha256).not.toBe(before.Configuration?.CodeSha256);
    await updated('node');
    expect((await invoke(lambda, 'node')).value).toMatchObject({ edition: 2, version: '$LATEST' });
    const old = await invoke(lambda, 'node', {}, '1');
    expect(old.value).toMatchObject({ edition: 1, version: '1' });
    expect(old.version).toBe('1');
  });

  it('gives variables and layers to the function after UpdateFunctionConfiguration', async () => {
    const layer = await lambda.send(new PublishLayerVersionCommand({ LayerName: 'greeting', Content: { ZipFile: archives.layer } }));
    expect(layer.LayerVersionArn).toBe('arn:aws:lambda:us-east-1:123456789012:layer:greeting:1');
    const read = await lambda.send(new GetLayerVersionCommand({ LayerName: 'greeting', VersionNumber: 1 }));
    expect(read.Content?.CodeSha256).toBe(layer.Content?.CodeSha256);
    const Layers = [layer.LayerVersionArn ?? ''];
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'node', Environment: { Variables: { STAGE: 'test' } }, Layers }));
    await updated('node');
    expect((await invoke(lambda, 'node')).value).toMatchObject({ stage: 'test', greeting: 'from the layer' });
  });

  it('pages through ListFunctions', async () => {
    const names = [];
    for await (const page of paginateListFunctions({ client: lambda, pageSize: 1 }, {})) {
      expect(page.Functions?.length).toBeLessThanOrEqual(1);
      names.push(...(page.Functions ?? []).map(({ FunctionName }) => FunctionName));
    }
    expect(names.toSorted()).toEqual(['node', 'python', 'shell']);
  });

  it('checks without running for DryRun', async () => {
    const answer = await lambda.send(new InvokeCommand({ FunctionName: 'node', InvocationType: 'DryRun' }));
    expect(answer.StatusCode).toBe(204);
    expect(answer.Payload?.length ?? 0).toBe(0);
  });

  it('names the operation that is not supported yet', async () => {
    await expect(lambda.send(new ListEventSourceMappingsCommand({}))).rejects.toThrow(/ListEventSourceMappings/);
  });

  it('refuses a wrong secret and an unknown key', async () => {
    const wrongSecret = daemon.lambda({ ...daemon.credentials, secretAccessKey: 'x'.repeat(40) });
    await expect(wrongSecret.send(new ListFunctionsCommand({}))).rejects.toMatchObject({
      name: 'InvalidSignatureException',
      $metadata: { httpStatusCode: 403 },
    });
    const unknownKey = daemon.lambda({ ...daemon.credentials, accessKeyId: 'AKIA0000000000000000' });
    await expect(unknownKey.send(new ListFunctionsCommand({}))).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
      $metadata: { httpStatusCode: 403 },
    });
  });

  it('shows a second account nothing of the first', async () => {
    const { status, stdout } = await daemon.cli('credentials', 'create', '--account', '210987654321', '--json');
    expect(status).toBe(0);
    const created = JSON.parse(stdout) as Credentials;
    expect(Object.keys(created)).toEqual(['accountId', 'accessKeyId', 'secretAccessKey']);
    const tenant = daemon.lambda({ ...daemon.credentials, ...created });
    expect((await tenant.send(new ListFunctionsCommand({}))).Functions).toEqual([]);
    await expect(tenant.send(new InvokeCommand({ FunctionName: 'node' }))).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('deletes a function, and then does not find it', async () => {
    await lambda.send(new DeleteFunctionCommand({ FunctionName: 'shell' }));
    await expect(lambda.send(new GetFunctionCommand({ FunctionName: 'shell' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      $metadata: { httpStatusCode: 404 },
    });
    await expect(lambda.send(new InvokeCommand({ FunctionName: 'shell' }))).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});
