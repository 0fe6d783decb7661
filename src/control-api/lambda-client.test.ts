import { hash } from 'node:crypto';
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  GetLayerVersionCommand,
  InvokeCommand,
  LambdaClient,
  ListCapacityProvidersCommand,
  ListFunctionsCommand,
  type ListFunctionsCommandOutput,
  PublishLayerVersionCommand,
  PublishVersionCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControlApiFixture } from '../../test/support/control-api-fixture.ts';
import { fixtureRole, openControlApiFixture, zipBytes } from '../../test/support/control-api-fixture.ts';

const accountId = '123456789012';
const arnOf = (name: string) => `arn:aws:lambda:us-east-1:${accountId}:function:${name}`;

describe('AWS’s JavaScript SDK against the control API', () => {
  let fixture: ControlApiFixture;
  let client: LambdaClient;
  beforeAll(async () => {
    fixture = await openControlApiFixture();
    const endpoint = await fixture.app.listen({ host: '127.0.0.1', port: 0 });
    const { accessKeyId, secretAccessKey } = fixture.operator;
    client = new LambdaClient({ endpoint, region: 'us-east-1', credentials: { accessKeyId, secretAccessKey } });
  });
  afterAll(async () => {
    client.destroy();
    await fixture[Symbol.asyncDispose]();
  });

  const create = (name: string, more: object = {}) =>
    client.send(
      new CreateFunctionCommand({
        FunctionName: name,
        Role: fixtureRole,
        Runtime: 'python3.13',
        Handler: 'app.handler',
        Code: { ZipFile: zipBytes(name) },
        ...more,
      }),
    );

  it('creates a function, waits for it, reads it, downloads its code', async () => {
    const archive = zipBytes('whole');
    const created = await create('whole', { Code: { ZipFile: archive }, Environment: { Variables: { GREETING: 'hello' } }, Tags: { team: 'a' } });
    expect(created).toMatchObject({
      FunctionName: 'whole',
      FunctionArn: arnOf('whole'),
      Runtime: 'python3.13',
      Role: fixtureRole,
      Handler: 'app.handler',
      CodeSize: archive.byteLength,
      CodeSha256: hash('sha256', archive, 'base64'),
      Description: '',
      Timeout: 3,
      MemorySize: 128,
      Version: '$LATEST',
      Environment: { Variables: { GREETING: 'hello' } },
      TracingConfig: { Mode: 'PassThrough' },
      State: 'Pending',
      PackageType: 'Zip',
      Architectures: ['x86_64'],
      EphemeralStorage: { Size: 512 },
      SnapStart: { ApplyOn: 'None', OptimizationStatus: 'Off' },
      LoggingConfig: { LogFormat: 'Text', LogGroup: '/aws/lambda/whole' },
    });
    expect(created.LastModified).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);
    expect(created.RuntimeVersionConfig?.RuntimeVersionArn).toMatch(/^arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}$/);
    await waitUntilFunctionActiveV2({ client, maxWaitTime: 5, minDelay: 1 }, { FunctionName: 'whole' });

    const found = await client.send(new GetFunctionCommand({ FunctionName: arnOf('whole') }));
    expect(found.Configuration).toMatchObject({ State: 'Active', LastUpdateStatus: 'Successful', RevisionId: created.RevisionId });
    expect(found.Tags).toEqual({ team: 'a' });
    expect(found.Code?.RepositoryType).toBe('S3');
    const download = await fetch(found.Code?.Location ?? '');
    expect(download.status).toBe(200);
    expect(Buffer.from(await download.arrayBuffer())).toEqual(archive);
    const other = (found.Code?.Location ?? '').replace(/[0-9a-f]{64}\?/, `${'0'.repeat(64)}?`);
    expect((await fetch(other)).status).toBe(403);
  });

  it('invokes with a log tail, a client context, a qualifier and every form of name', async () => {
    await create('echo', { Publish: true });
    const context = Buffer.from('{"client":{"app_title":"é"}}').toString('base64');
    const answered = await client.send(
      new InvokeCommand({ FunctionName: 'echo', Payload: Buffer.from('{"n": 1}'), LogType: 'Tail', ClientContext: context, Qualifier: '1' }),
    );
    expect(answered).toMatchObject({ StatusCode: 200, ExecutedVersion: '1' });
    expect(answered.FunctionError).toBeUndefined();
    expect(Buffer.from(answered.Payload ?? []).toString()).toBe('{"n": 1}');
    expect(Buffer.from(answered.LogResult ?? '', 'base64').toString()).toBe('START\nEND\n');
    expect(fixture.invoker.requests.at(-1)).toMatchObject({
      requestId: answered.$metadata.requestId,
      invokedFunctionArn: `${arnOf('echo')}:1`,
      clientContext: '{"client":{"app_title":"é"}}',
      function: { version: '1', functionArn: `${arnOf('echo')}:1`, memorySizeMiB: 128 },
    });
    for (const name of ['echo', `${accountId}:function:echo`, arnOf('echo'), 'function:echo', 'echo:$LATEST', 'echo:1', `${arnOf('echo')}:1`]) {
      const { ExecutedVersion } = await client.send(new InvokeCommand({ FunctionName: name }));
      expect([name, ExecutedVersion]).toEqual([name, name.endsWith(':1') ? '1' : '$LATEST']);
    }
    expect(fixture.invoker.requests.at(-1)?.payload.toString()).toBe('{}');
    expect(await client.send(new InvokeCommand({ FunctionName: 'echo', InvocationType: 'DryRun' }))).toMatchObject({ StatusCode: 204 });
  });

  it('isolates tenants of a function that was created so, for good, and wants their ids', async () => {
    const created = await create('per-tenant', { TenancyConfig: { TenantIsolationMode: 'PER_TENANT' }, Publish: true });
    expect(created.TenancyConfig).toEqual({ TenantIsolationMode: 'PER_TENANT' });
    const invoke = (name: string, TenantId?: string) => client.send(new InvokeCommand({ FunctionName: name, TenantId }));
    await invoke('per-tenant', 'blue/1 @a:b');
    expect(fixture.invoker.requests.at(-1)).toMatchObject({ tenantId: 'blue/1 @a:b', function: { tenantIsolationMode: 'PER_TENANT' } });
    await invoke('per-tenant:1', 'green');
    expect(fixture.invoker.requests.at(-1)).toMatchObject({ tenantId: 'green', function: { version: '1', tenantIsolationMode: 'PER_TENANT' } });
    const isolated = 'The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again.';
    await expect(invoke('per-tenant')).rejects.toMatchObject({ name: 'InvalidParameterValueException', message: isolated });
    await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'per-tenant', MemorySize: 256 }));
    await expect(invoke('per-tenant')).rejects.toMatchObject({ name: 'InvalidParameterValueException' });
    const read = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'per-tenant' }));
    expect(read).toMatchObject({ MemorySize: 256, TenancyConfig: { TenantIsolationMode: 'PER_TENANT' } });
    await expect(invoke('per-tenant', 'x'.repeat(257))).rejects.toMatchObject({ name: 'ValidationException' });
    await expect(invoke('per-tenant', 'a;b')).rejects.toMatchObject({ name: 'ValidationException' });
    await expect(create('wrong-tenancy', { TenancyConfig: { TenantIsolationMode: 'SHARED' } })).rejects.toMatchObject({
      name: 'ValidationException',
    });
  });

  it('hands on a function’s own failure', async () => {
    await create('failing');
    const { respond } = fixture.invoker;
    fixture.invoker.respond = async () => ({
      payload: Buffer.from('{"errorMessage":"no"}'),
      functionError: 'Unhandled',
      executedVersion: '$LATEST',
    });
    const failed = await client.send(new InvokeCommand({ FunctionName: 'failing' }));
    fixture.invoker.respond = respond;
    expect(failed).toMatchObject({ StatusCode: 200, FunctionError: 'Unhandled' });
    expect(failed.LogResult).toBeUndefined();
  });

  it('updates configuration and code, by revision, and retires what ran before', async () => {
    const created = await create('changing', { MemorySize: 256 });
    const configured = await client.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName: 'changing',
        Timeout: 900,
        EphemeralStorage: { Size: 10_240 },
        ...(created.RevisionId === undefined ? {} : { RevisionId: created.RevisionId }),
      }),
    );
    expect(configured).toMatchObject({ Timeout: 900, MemorySize: 256, EphemeralStorage: { Size: 10_240 }, LastUpdateStatus: 'InProgress' });
    expect(configured.RevisionId).not.toBe(created.RevisionId);
    expect(fixture.invoker.retired.at(-1)).toEqual({ accountId, functionName: 'changing', version: '$LATEST' });

    const stale = client.send(
      new UpdateFunctionCodeCommand({ FunctionName: 'changing', ZipFile: zipBytes('two'), RevisionId: created.RevisionId ?? '' }),
    );
    await expect(stale).rejects.toMatchObject({ name: 'PreconditionFailedException', $metadata: { httpStatusCode: 412 } });

    const dry = await client.send(new UpdateFunctionCodeCommand({ FunctionName: 'changing', ZipFile: zipBytes('two'), DryRun: true }));
    expect(dry.CodeSha256).toBe(hash('sha256', zipBytes('two'), 'base64'));
    const unchanged = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'changing' }));
    expect(unchanged).toMatchObject({ CodeSha256: created.CodeSha256, RevisionId: configured.RevisionId });

    const updated = await client.send(new UpdateFunctionCodeCommand({ FunctionName: 'changing', ZipFile: zipBytes('two'), Publish: true }));
    expect(updated).toMatchObject({ CodeSha256: dry.CodeSha256, Version: '1', FunctionArn: `${arnOf('changing')}:1`, Timeout: 900 });
    await client.send(new InvokeCommand({ FunctionName: 'changing' }));
    const invoked = fixture.invoker.requests.at(-1)?.function;
    expect(invoked?.codeDigest).toBe(hash('sha256', Buffer.concat([Buffer.from('image of '), zipBytes('two')])));
    expect(invoked?.timeoutSeconds).toBe(900);
  });

  it('publishes versions that stay as they are, once per change', async () => {
    const created = await create('released', { Description: 'first' });
    const one = await client.send(new PublishVersionCommand({ FunctionName: 'released', Description: 'one' }));
    expect(one).toMatchObject({ Version: '1', Description: 'one', CodeSha256: created.CodeSha256 });
    expect(await client.send(new PublishVersionCommand({ FunctionName: 'released' }))).toMatchObject({ Version: '1' });
    await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'released', MemorySize: 1_024 }));
    const wrong = client.send(new PublishVersionCommand({ FunctionName: 'released', CodeSha256: 'other' }));
    await expect(wrong).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: expect.stringContaining('is different from current'),
    });
    expect(await client.send(new PublishVersionCommand({ FunctionName: 'released' }))).toMatchObject({ Version: '2', MemorySize: 1_024 });
    const first = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'released', Qualifier: '1' }));
    expect(first).toMatchObject({ Version: '1', MemorySize: 128, FunctionArn: `${arnOf('released')}:1` });

    await client.send(new DeleteFunctionCommand({ FunctionName: 'released', Qualifier: '2' }));
    expect(await client.send(new PublishVersionCommand({ FunctionName: 'released' }))).toMatchObject({ Version: '3' });
  });

  it('lists functions in pages', async () => {
    // The second reads like a part of an ARN, the third like an account.
    for (const name of ['page-a', 'function', '210987654321', 'page-b', 'page-c']) await create(name, { Publish: true });
    const names: string[] = [];
    let marker: string | undefined;
    do {
      const page = await client.send(new ListFunctionsCommand({ MaxItems: 2, ...(marker === undefined ? {} : { Marker: marker }) }));
      expect(page.Functions?.length).toBeLessThanOrEqual(2);
      names.push(...(page.Functions ?? []).map(({ FunctionName }) => FunctionName ?? ''));
      marker = page.NextMarker;
    } while (marker !== undefined);
    expect(names).toEqual([...names].sort());
    expect(names.filter((name) => name.startsWith('page-'))).toEqual(['page-a', 'page-b', 'page-c']);
    const versions = await client.send(new ListFunctionsCommand({ FunctionVersion: 'ALL' }));
    let counted = 0;
    do {
      const page: ListFunctionsCommandOutput = await client.send(
        new ListFunctionsCommand({ FunctionVersion: 'ALL', MaxItems: 1, ...(marker === undefined ? {} : { Marker: marker }) }),
      );
      counted += page.Functions?.length ?? 0;
      marker = page.NextMarker;
    } while (marker !== undefined);
    expect(counted).toBe(versions.Functions?.length);
    const ofA = versions.Functions?.filter(({ FunctionName }) => FunctionName === 'page-a');
    expect(ofA?.map(({ FunctionArn }) => FunctionArn)).toEqual([`${arnOf('page-a')}:$LATEST`, `${arnOf('page-a')}:1`]);
  });

  it('publishes layers and gives them to functions', async () => {
    const layer = await client.send(
      new PublishLayerVersionCommand({ LayerName: 'library', Content: { ZipFile: zipBytes('layer') }, CompatibleRuntimes: ['python3.13'] }),
    );
    const arn = `arn:aws:lambda:us-east-1:${accountId}:layer:library:1`;
    expect(layer).toMatchObject({ Version: 1, LayerVersionArn: arn, CompatibleRuntimes: ['python3.13'], Content: { CodeSize: 9 } });
    expect(await client.send(new GetLayerVersionCommand({ LayerName: 'library', VersionNumber: 1 }))).toMatchObject({ LayerVersionArn: arn });
    expect((await fetch(layer.Content?.Location ?? '')).status).toBe(200);
    expect(await create('layered', { Layers: [arn] })).toMatchObject({ Layers: [{ Arn: arn, CodeSize: 9 }] });
    await client.send(new InvokeCommand({ FunctionName: 'layered' }));
    const digest = hash('sha256', Buffer.concat([Buffer.from('image of '), zipBytes('layer')]));
    expect(fixture.invoker.requests.at(-1)?.function.layers).toEqual([{ arn, accountId, digest, codeSizeBytes: 9 }]);
    const again = await client.send(new PublishLayerVersionCommand({ LayerName: 'library', Content: { ZipFile: zipBytes('newer') } }));
    expect(again.Version).toBe(2);
  });

  it('deletes a function with its versions, and nothing of it answers any more', async () => {
    await create('gone', { Publish: true });
    await client.send(new InvokeCommand({ FunctionName: 'gone' }));
    const deleted = await client.send(new DeleteFunctionCommand({ FunctionName: 'gone' }));
    expect(deleted.$metadata.httpStatusCode).toBe(204);
    expect(fixture.invoker.retired.at(-1)).toEqual({ accountId, functionName: 'gone' });
    for (const command of [new InvokeCommand({ FunctionName: 'gone' }), new GetFunctionCommand({ FunctionName: 'gone', Qualifier: '1' })]) {
      await expect(client.send(command as InvokeCommand)).rejects.toMatchObject({
        name: 'ResourceNotFoundException',
        message: expect.stringContaining(`Function not found: ${arnOf('gone')}`),
      });
    }
  });

  it('names the operation it does not support', async () => {
    await expect(client.send(new ListCapacityProvidersCommand({}))).rejects.toMatchObject({
      name: 'NotImplementedException',
      message: 'The operation ListCapacityProviders is not supported by Cloister yet.',
      $metadata: { httpStatusCode: 400 },
    });
  });
});
