import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  GetAliasCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  ListAliasesCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ControlApiFixture } from '../../test/support/control-api-fixture.ts';
import { fixtureRole, openControlApiFixture, zipBytes } from '../../test/support/control-api-fixture.ts';

const arn = 'arn:aws:lambda:us-east-1:123456789012:function:f';
const FunctionName = 'f';

describe('aliases', () => {
  let fixture: ControlApiFixture;
  let client: LambdaClient;
  let drawn: number;
  beforeEach(async () => {
    drawn = 0.999;
    fixture = await openControlApiFixture({ random: () => drawn });
    const endpoint = await fixture.app.listen({ host: '127.0.0.1', port: 0 });
    client = new LambdaClient({ endpoint, region: 'us-east-1', credentials: fixture.operator });
    await client.send(
      new CreateFunctionCommand({
        FunctionName,
        Role: fixtureRole,
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Code: { ZipFile: zipBytes('one') },
        Publish: true,
      }),
    );
    await client.send(new UpdateFunctionConfigurationCommand({ FunctionName, MemorySize: 256 }));
    await client.send(new PublishVersionCommand({ FunctionName }));
  });
  afterEach(async () => {
    client.destroy();
    await fixture[Symbol.asyncDispose]();
  });

  const create = (Name: string, FunctionVersion: string, weights?: Record<string, number>) =>
    client.send(
      new CreateAliasCommand({
        FunctionName,
        Name,
        FunctionVersion,
        ...(weights === undefined ? {} : { RoutingConfig: { AdditionalVersionWeights: weights } }),
      }),
    );
  const invoked = async (name: string, Qualifier?: string) =>
    (await client.send(new InvokeCommand({ FunctionName: name, Qualifier }))).ExecutedVersion;
  const refused = (name: string, status: number, message: string) => ({
    name,
    message,
    $metadata: expect.objectContaining({ httpStatusCode: status }),
  });

  it('are made, read, changed, listed and deleted', async () => {
    const made = await create('live', '1', { 2: 0.25 });
    const { $metadata, ...alias } = made;
    expect($metadata.httpStatusCode).toBe(201);
    expect(alias).toEqual({
      AliasArn: `${arn}:live`,
      Name: 'live',
      FunctionVersion: '1',
      Description: '',
      RoutingConfig: { AdditionalVersionWeights: { 2: 0.25 } },
      RevisionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(await client.send(new GetAliasCommand({ FunctionName, Name: 'live' }))).toMatchObject(alias);
    const described = await client.send(new UpdateAliasCommand({ FunctionName, Name: 'live', Description: 'x', RevisionId: made.RevisionId }));
    expect(described).toMatchObject({ FunctionVersion: '1', Description: 'x', RoutingConfig: { AdditionalVersionWeights: { 2: 0.25 } } });
    expect(described.RevisionId).not.toBe(made.RevisionId);
    const moved = await client.send(
      new UpdateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '2', RoutingConfig: { AdditionalVersionWeights: {} } }),
    );
    expect(moved).toMatchObject({ FunctionVersion: '2', Description: 'x' });
    expect(moved.RoutingConfig).toBeUndefined();
    await create('latest', '$LATEST');
    const names = async (version?: string) =>
      (await client.send(new ListAliasesCommand({ FunctionName, FunctionVersion: version }))).Aliases?.map(({ Name }) => Name);
    expect([await names(), await names('2'), await names('1')]).toEqual([['latest', 'live'], ['live'], []]);
    for (let time = 0; time < 2; time += 1) {
      expect((await client.send(new DeleteAliasCommand({ FunctionName, Name: 'live' }))).$metadata.httpStatusCode).toBe(204);
    }
    expect(await names()).toEqual(['latest']);
    await expect(client.send(new GetAliasCommand({ FunctionName, Name: 'live' }))).rejects.toMatchObject(
      refused('ResourceNotFoundException', 404, `Cannot find alias arn: ${arn}:live`),
    );
  });

  it('are taken wherever a qualifier is', async () => {
    await create('live', '2');
    for (const [name, qualifier] of [
      ['f', 'live'],
      ['f:live'],
      ['function:f:live'],
      ['123456789012:function:f:live'],
      [`${arn}:live`],
      [arn, 'live'],
    ]) {
      expect(await invoked(name ?? '', qualifier)).toBe('2');
      expect(fixture.invoker.requests.at(-1)).toMatchObject({ invokedFunctionArn: `${arn}:live`, function: { version: '2', memorySizeMiB: 256 } });
      const input = { FunctionName: name, Qualifier: qualifier };
      const { Configuration } = await client.send(new GetFunctionCommand(input));
      expect(Configuration).toMatchObject({ FunctionArn: `${arn}:live`, Version: '2', MemorySize: 256 });
      expect(await client.send(new GetFunctionConfigurationCommand(input))).toMatchObject({ FunctionArn: `${arn}:live`, Version: '2' });
      await expect(client.send(new DeleteFunctionCommand(input))).rejects.toMatchObject(
        refused('InvalidParameterValueException', 400, 'Deletion of aliases is not currently supported.'),
      );
    }
    await expect(invoked('f:other')).rejects.toMatchObject(refused('ResourceNotFoundException', 404, `Function not found: ${arn}:other`));
    await expect(invoked('f:live', '2')).rejects.toMatchObject(
      refused('InvalidParameterValueException', 400, 'The derived qualifier from the function name does not match the specified qualifier.'),
    );
  });

  it('share invocations between two versions by weight, and follow every change at once', async () => {
    await create('live', '1', { 2: 0.25 });
    expect(await invoked('f:live')).toBe('1');
    drawn = 0.249;
    expect(await invoked('f:live')).toBe('2');
    drawn = 0.25;
    expect(await invoked('f:live')).toBe('1');
    await client.send(new UpdateAliasCommand({ FunctionName, Name: 'live', RoutingConfig: { AdditionalVersionWeights: { 2: 0.5 } } }));
    expect(await invoked('f:live')).toBe('2');
    await client.send(new UpdateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '$LATEST', RoutingConfig: {} }));
    expect(await invoked('f:live')).toBe('$LATEST');
    await client.send(new DeleteAliasCommand({ FunctionName, Name: 'live' }));
    await expect(invoked('f:live')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('are resolved without a read of the database once they were asked for', async () => {
    await create('live', '1', { 2: 0.25 });
    for (const number of [0, 0.9]) {
      drawn = number;
      await invoked('f:live');
    }
    const reads = [vi.spyOn(fixture.storage.aliases, 'find'), vi.spyOn(fixture.storage.functions, 'find')];
    for (const number of [0, 0.9, 0.1]) {
      drawn = number;
      expect(await invoked('f:live')).toBe(number < 0.25 ? '2' : '1');
    }
    expect(reads.map((read) => read.mock.calls.length)).toEqual([0, 0]);
  });

  it('are refused in Lambda’s words', async () => {
    await create('live', '1');
    const invalid = (message: string) => refused('InvalidParameterValueException', 400, message);
    const notFound = (message: string) => refused('ResourceNotFoundException', 404, message);
    await expect(create('live', '2')).rejects.toMatchObject(refused('ResourceConflictException', 409, `Alias already exists: ${arn}:live`));
    await expect(create('x', '9')).rejects.toMatchObject(notFound(`Function not found: ${arn}:9`));
    await expect(create('x', '1', { 9: 0.5 })).rejects.toMatchObject(notFound(`Function not found: ${arn}:9`));
    await expect(create('x', '1', { 1: 0.5, 2: 0.5 })).rejects.toMatchObject(
      invalid('Number of items in AdditionalVersionWeights cannot be greater than 1'),
    );
    await expect(create('x', '1', { 1: 0.5 })).rejects.toMatchObject(
      invalid('Invalid function version 1. Function version 1 is already included in routing configuration.'),
    );
    await expect(create('x', '$LATEST', { 1: 0.5 })).rejects.toMatchObject(
      invalid('$LATEST is not supported for an alias pointing to more than 1 version'),
    );
    for (const [name, version, weights] of [
      ['1234', '1'],
      ['bad name', '1'],
      ['x', 'live'],
      ['x', '1', { 2: 1.01 }],
      ['x', '1', { 2: -0.01 }],
      ['x', '1', { $LATEST: 0.5 }],
    ] as const) {
      await expect(create(name, version, weights as Record<string, number> | undefined)).rejects.toMatchObject({ name: 'ValidationException' });
    }
    await expect(client.send(new GetAliasCommand({ FunctionName, Name: 'x' }))).rejects.toMatchObject(notFound(`Cannot find alias arn: ${arn}:x`));
    await expect(client.send(new UpdateAliasCommand({ FunctionName, Name: 'x' }))).rejects.toMatchObject(notFound(`Alias not found: ${arn}:x`));
    await expect(client.send(new UpdateAliasCommand({ FunctionName, Name: 'live', RevisionId: 'old' }))).rejects.toMatchObject(
      refused(
        'PreconditionFailedException',
        412,
        'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id',
      ),
    );
    await expect(client.send(new UpdateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '9' }))).rejects.toMatchObject(
      notFound(`Function not found: ${arn}:9`),
    );
    await expect(client.send(new ListAliasesCommand({ FunctionName: 'g' }))).rejects.toMatchObject(
      notFound('Function not found: arn:aws:lambda:us-east-1:123456789012:function:g'),
    );
    expect((await client.send(new ListAliasesCommand({ FunctionName }))).Aliases).toHaveLength(1);
  });

  it('hold the versions they point to', async () => {
    await create('live', '1', { 2: 0 });
    await create('old', '1');
    const remove = (Qualifier: string) => client.send(new DeleteFunctionCommand({ FunctionName, Qualifier }));
    const held = (aliases: string) =>
      refused('ResourceConflictException', 409, `Unable to delete version because the following aliases reference it: [${aliases}]`);
    await expect(remove('1')).rejects.toMatchObject(held('live, old'));
    await expect(remove('2')).rejects.toMatchObject(held('live'));
    await client.send(new UpdateAliasCommand({ FunctionName, Name: 'live', RoutingConfig: {} }));
    await remove('2');
    await remove('2');
    const versions = await client.send(new ListVersionsByFunctionCommand({ FunctionName }));
    expect(versions.Versions?.map(({ FunctionArn }) => FunctionArn)).toEqual([`${arn}:$LATEST`, `${arn}:1`]);
  });

  it('go with their function', async () => {
    await create('live', '1');
    await invoked('f:live');
    await client.send(new DeleteFunctionCommand({ FunctionName }));
    await expect(invoked('f:live')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    await client.send(
      new CreateFunctionCommand({
        FunctionName,
        Role: fixtureRole,
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Code: { ZipFile: zipBytes('two') },
        Publish: true,
      }),
    );
    await expect(invoked('f:live')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    expect((await client.send(new ListAliasesCommand({ FunctionName }))).Aliases).toEqual([]);
  });
});
