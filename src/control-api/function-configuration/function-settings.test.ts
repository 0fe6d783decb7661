import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ControlApiFixture, callApi, createTestFunction, openControlApiFixture, zipBytes } from '../../../test/support/control-api-fixture.ts';

const lambdaArn = 'arn:aws:lambda:us-east-1:123456789012';
const publisher = 'arn:aws:signer:us-east-1:123456789012:/signing-profiles/mine/AbCdEfGhIj';
const onlyFunctions =
  'This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.';

let fixture: ControlApiFixture;
beforeAll(async () => {
  fixture = await openControlApiFixture();
  for (const name of ['one', 'two']) await createTestFunction(fixture, name);
});
afterAll(() => fixture[Symbol.asyncDispose]());

const call = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object) => {
  const [bare = '', query] = path.split('?');
  const response = await callApi(fixture, {
    method,
    path: bare,
    ...(query === undefined ? {} : { query: Object.fromEntries(new URLSearchParams(query)) }),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const type = response.headers['x-amzn-errortype'];
  return { status: response.statusCode, ...(type === undefined ? {} : { type }), ...(response.body === '' ? {} : response.json()) };
};
const update = (name: string, body: object) => call('PUT', `/2015-03-31/functions/${name}/configuration`, body);
const configuration = (name: string) => call('GET', `/2015-03-31/functions/${name}/configuration`);

describe('settings of a function’s configuration', () => {
  const vpc = { SubnetIds: ['subnet-1a'], SecurityGroupIds: ['sg-1'] };
  it.each([
    [
      'a VPC, whose subnets do not exist here',
      { VpcConfig: vpc },
      "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID 'subnet-1a' does not exist",
    ],
    ['a VPC without security groups', { VpcConfig: { SubnetIds: ['subnet-1a'] } }, 'SubnetIds and SecurityIds must coexist or be both empty list.'],
    ['SnapStart', { SnapStart: { ApplyOn: 'PublishedVersions' } }, 'nodejs24.x is not supported for SnapStart enabled functions.'],
    [
      'log levels of text',
      { LoggingConfig: { ApplicationLogLevel: 'DEBUG' } },
      'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the LogFormat to "Json" and try again.',
    ],
    ['keys of KMS', { KMSKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/1' }, expect.stringContaining('KMSKeyArn is not supported')],
    [
      'file systems',
      {
        FileSystemConfigs: [
          { Arn: 'arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-12345678901234567', LocalMountPath: '/mnt/data' },
        ],
      },
      expect.stringContaining('FileSystemConfigs is not supported'),
    ],
    ['an image’s settings', { ImageConfig: { Command: ['x'] } }, "Please don't provide ImageConfig for a function with packageType Zip."],
    [
      'a dead letter queue that is none',
      { DeadLetterConfig: { TargetArn: 'arn:aws:s3:::bucket' } },
      expect.stringContaining('must be the ARN of a standard SQS'),
    ],
    ['a FIFO queue', { DeadLetterConfig: { TargetArn: 'arn:aws:sqs:us-east-1:123456789012:q.fifo' } }, expect.stringContaining('standard SQS')],
    ['another account’s queue', { DeadLetterConfig: { TargetArn: 'arn:aws:sqs:us-east-1:210987654321:q' } }, expect.stringContaining('own account')],
    [
      'a queue nothing can be sent to',
      { DeadLetterConfig: { TargetArn: 'arn:aws:sqs:us-east-1:123456789012:q' } },
      expect.stringContaining('aws.sqs.endpoint'),
    ],
  ])('refuses %s, and changes nothing', async (_what, body, message) => {
    const before = await configuration('one');
    expect(await update('one', { ...body, Timeout: 77 })).toMatchObject({ status: 400, type: 'InvalidParameterValueException', message });
    expect(await configuration('one')).toEqual(before);
  });

  it('refuses images at creation', async () => {
    const image = await createTestFunction(fixture, 'image', { PackageType: 'Image', Code: { ImageUri: 'x' } });
    expect(image.json()).toMatchObject({ Type: 'User', message: expect.stringContaining('PackageType Image is not supported') });
  });

  it('takes settings away with empty values', async () => {
    await update('two', { Environment: { Variables: { STAGE: 'b' } }, Description: 'two' });
    const empty = {
      Environment: { Variables: {} },
      Description: '',
      VpcConfig: { SubnetIds: [], SecurityGroupIds: [] },
      DeadLetterConfig: { TargetArn: '' },
      KMSKeyArn: '',
      FileSystemConfigs: [],
      ImageConfig: {},
      Layers: [],
      SnapStart: { ApplyOn: 'None' },
    };
    expect(await update('two', empty)).toMatchObject({ status: 200, Description: '' });
    expect(await configuration('two')).not.toHaveProperty('Environment');
  });

  it('keeps a log group and tracing', async () => {
    await update('two', { LoggingConfig: { LogGroup: '/my/group' }, TracingConfig: { Mode: 'Active' } });
    await update('two', { Timeout: 5 });
    expect(await configuration('two')).toMatchObject({
      LoggingConfig: { LogFormat: 'Text', LogGroup: '/my/group' },
      TracingConfig: { Mode: 'Active' },
      SnapStart: { ApplyOn: 'None', OptimizationStatus: 'Off' },
    });
  });
});

describe('LoggingConfig', () => {
  const logging = async (given: object) => (await update('two', { LoggingConfig: given }))['LoggingConfig'];

  it('has levels in JSON, INFO unless told, which stay until they change or the log becomes text', async () => {
    const json = { LogFormat: 'JSON', ApplicationLogLevel: 'INFO', SystemLogLevel: 'INFO', LogGroup: '/levels' };
    expect(await logging({ LogFormat: 'JSON', LogGroup: '/levels' })).toEqual(json);
    expect(await logging({ ApplicationLogLevel: 'FATAL' })).toEqual({ ...json, ApplicationLogLevel: 'FATAL' });
    expect(await logging({ SystemLogLevel: 'WARN' })).toEqual({ ...json, ApplicationLogLevel: 'FATAL', SystemLogLevel: 'WARN' });
    await update('two', { Timeout: 6 });
    expect((await configuration('two'))['LoggingConfig']).toEqual({ ...json, ApplicationLogLevel: 'FATAL', SystemLogLevel: 'WARN' });
    expect(await logging({ LogFormat: 'Text' })).toEqual({ LogFormat: 'Text', LogGroup: '/levels' });
    expect(await logging({ LogFormat: 'JSON' })).toEqual(json);
    await update('two', { LoggingConfig: { LogFormat: 'Text' } });
  });

  it('reaches the invoker, and refuses levels beside text', async () => {
    await update('two', { LoggingConfig: { LogFormat: 'JSON', ApplicationLogLevel: 'DEBUG' } });
    await call('POST', '/2015-03-31/functions/two/invocations', {});
    expect(fixture.invoker.requests.at(-1)?.function.jsonLogging).toEqual({ applicationLevel: 'DEBUG', systemLevel: 'INFO' });
    expect(await update('two', { LoggingConfig: { LogFormat: 'Text', SystemLogLevel: 'WARN' } })).toMatchObject({
      status: 400,
      type: 'InvalidParameterValueException',
    });
    expect((await configuration('two'))['LoggingConfig']).toMatchObject({ LogFormat: 'JSON', ApplicationLogLevel: 'DEBUG' });
    await update('two', { LoggingConfig: { LogFormat: 'Text' } });
  });
});

describe('reserved concurrency', () => {
  const put = (name: string, ReservedConcurrentExecutions: number) =>
    call('PUT', `/2017-10-31/functions/${name}/concurrency`, { ReservedConcurrentExecutions });
  const get = (name: string) => call('GET', `/2019-09-30/functions/${name}/concurrency`);

  it('is stored, answered, shown by GetFunction and taken away', async () => {
    expect(await get('one')).toEqual({ status: 200 });
    expect(await put('one', 7)).toEqual({ status: 200, ReservedConcurrentExecutions: 7 });
    expect(await get('one')).toEqual({ status: 200, ReservedConcurrentExecutions: 7 });
    expect(await call('GET', '/2015-03-31/functions/one')).toMatchObject({ Concurrency: { ReservedConcurrentExecutions: 7 } });
    expect(await call('DELETE', '/2017-10-31/functions/one/concurrency')).toEqual({ status: 204 });
    expect(await get('one')).toEqual({ status: 200 });
    expect(await call('GET', '/2015-03-31/functions/one')).not.toHaveProperty('Concurrency');
  });

  it('leaves 100 to functions without it, over all functions of the account', async () => {
    const message =
      "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].";
    expect(await put('one', 901)).toMatchObject({ status: 400, type: 'InvalidParameterValueException', message });
    expect(await put('one', 900)).toMatchObject({ status: 200 });
    expect(await put('two', 1)).toMatchObject({ status: 400, message });
    expect(await put('one', 899)).toMatchObject({ status: 200 });
    expect(await put('two', 1)).toMatchObject({ status: 200 });
    for (const name of ['one', 'two']) await call('DELETE', `/2017-10-31/functions/${name}/concurrency`);
  });

  it('is a function’s, not a version’s, and only of one that exists', async () => {
    expect(await put(encodeURIComponent(`${lambdaArn}:function:one:1`), 1)).toMatchObject({ status: 400, message: onlyFunctions });
    expect(await put('none', 1)).toMatchObject({ status: 404, Message: `Function not found: ${lambdaArn}:function:none:$LATEST` });
  });

  it('reaches the invoker at once, and goes with the function', async () => {
    const invoke = () => call('POST', '/2015-03-31/functions/gone/invocations', {});
    await createTestFunction(fixture, 'gone');
    await invoke();
    expect(fixture.invoker.requests.at(-1)?.function).not.toHaveProperty('reservedConcurrency');
    await put('gone', 0);
    await invoke();
    expect(fixture.invoker.requests.at(-1)?.function).toMatchObject({ reservedConcurrency: 0 });
    await call('DELETE', '/2015-03-31/functions/gone');
    await createTestFunction(fixture, 'gone');
    expect(await get('gone')).toEqual({ status: 200 });
  });
});

describe('recursion and runtime management', () => {
  it('keeps what becomes of recursive loops', async () => {
    const path = '/2024-08-31/functions/one/recursion-config';
    expect(await call('GET', path)).toEqual({ status: 200, RecursiveLoop: 'Terminate' });
    expect(await call('PUT', path, { RecursiveLoop: 'Allow' })).toEqual({ status: 200, RecursiveLoop: 'Allow' });
    expect(await call('GET', path)).toEqual({ status: 200, RecursiveLoop: 'Allow' });
    expect(await call('PUT', path, { RecursiveLoop: 'InvalidValue' })).toMatchObject({
      status: 400,
      type: 'ValidationException',
      message: expect.stringContaining("Value 'InvalidValue' at 'recursiveLoop' failed to satisfy constraint: "),
    });
    expect(await call('GET', '/2024-08-31/functions/none/recursion-config')).toMatchObject({ status: 404 });
  });

  it('updates runtimes automatically, and refuses what would pin one', async () => {
    const path = '/2021-07-20/functions/one/runtime-management-config';
    const auto = { status: 200, UpdateRuntimeOn: 'Auto', FunctionArn: `${lambdaArn}:function:one` };
    expect(await call('GET', path)).toEqual(auto);
    expect(await call('PUT', path, { UpdateRuntimeOn: 'Auto' })).toEqual(auto);
    const pinned = await call('PUT', path, { UpdateRuntimeOn: 'FunctionUpdate' });
    expect(pinned).toMatchObject({ status: 400, type: 'InvalidParameterValueException', message: expect.stringContaining('FunctionUpdate') });
  });
});

describe('code signing', () => {
  const configs = '/2020-04-22/code-signing-configs';
  const ofFunction = (name: string) => `/2020-06-30/functions/${name}/code-signing-config`;
  const make = async (policy?: string) => {
    const CodeSigningPolicies = policy === undefined ? {} : { CodeSigningPolicies: { UntrustedArtifactOnDeployment: policy } };
    const { CodeSigningConfig } = await call('POST', configs, {
      AllowedPublishers: { SigningProfileVersionArns: [publisher] },
      ...CodeSigningPolicies,
    });
    return CodeSigningConfig as { CodeSigningConfigArn: string; CodeSigningConfigId: string };
  };
  const at = (arn: string, more = '') => `${configs}/${encodeURIComponent(arn)}${more}`;
  const unknownArn = `${lambdaArn}:code-signing-config:csc-12345678901234567`;
  const blocked = { status: 400, type: 'CodeVerificationFailedException', Message: expect.stringContaining('Lambda blocks the deployment.') };

  it('configurations are made, read, changed, listed by page and removed', async () => {
    const made = await make();
    expect(made.CodeSigningConfigArn).toMatch(/:code-signing-config:csc-[a-z0-9]{17}$/);
    expect(await call('GET', at(made.CodeSigningConfigArn))).toMatchObject({
      CodeSigningConfig: {
        ...made,
        Description: '',
        AllowedPublishers: { SigningProfileVersionArns: [publisher] },
        CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Warn' },
      },
    });
    const changed = await call('PUT', at(made.CodeSigningConfigArn), { Description: 'ours' });
    expect(changed).toMatchObject({ CodeSigningConfig: { Description: 'ours', CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Warn' } } });
    const second = await make();
    const first = await call('GET', `${configs}?MaxItems=1`);
    const rest = await call('GET', `${configs}?MaxItems=1&Marker=${first.NextMarker}`);
    const ids = [...first.CodeSigningConfigs, ...rest.CodeSigningConfigs].map((config) => config.CodeSigningConfigId);
    expect(ids).toEqual([made, second].map((config) => config.CodeSigningConfigId).sort());
    expect(rest).not.toHaveProperty('NextMarker');
    for (const { CodeSigningConfigArn } of [made, second]) expect(await call('DELETE', at(CodeSigningConfigArn))).toEqual({ status: 204 });
    expect(await call('GET', configs)).toEqual({ status: 200, CodeSigningConfigs: [] });
  });

  it('names a configuration that is not there', async () => {
    const Message = `The Lambda code signing configuration ${unknownArn} can not be found.`;
    for (const method of ['GET', 'PUT', 'DELETE'] as const) {
      expect(await call(method, at(unknownArn), method === 'PUT' ? {} : undefined)).toMatchObject({
        status: 404,
        type: 'ResourceNotFoundException',
        Message,
      });
    }
    expect(await call('PUT', ofFunction('one'), { CodeSigningConfigArn: unknownArn })).toMatchObject({
      status: 404,
      type: 'CodeSigningConfigNotFoundException',
      Message: `The code signing configuration cannot be found. Check that the provided configuration is not deleted: ${unknownArn}.`,
    });
    expect((await createTestFunction(fixture, 'unsigned', { CodeSigningConfigArn: unknownArn })).statusCode).toBe(404);
  });

  it('is given to functions and taken away, and kept as long as one has it', async () => {
    const { CodeSigningConfigArn } = await make();
    expect(await call('GET', ofFunction('one'))).toEqual({ status: 200 });
    expect(await call('PUT', ofFunction('one'), { CodeSigningConfigArn })).toEqual({ status: 200, CodeSigningConfigArn, FunctionName: 'one' });
    expect((await createTestFunction(fixture, 'signed', { CodeSigningConfigArn })).statusCode).toBe(201);
    expect(await call('GET', ofFunction('signed'))).toEqual({ status: 200, CodeSigningConfigArn, FunctionName: 'signed' });
    expect(await call('GET', at(CodeSigningConfigArn, '/functions'))).toEqual({
      status: 200,
      FunctionArns: ['one', 'signed'].map((name) => `${lambdaArn}:function:${name}`),
    });
    expect(await call('DELETE', at(CodeSigningConfigArn))).toMatchObject({ status: 409, type: 'ResourceConflictException' });
    expect(await call('DELETE', ofFunction('one'))).toEqual({ status: 204 });
    await call('DELETE', '/2015-03-31/functions/signed');
    expect(await call('DELETE', at(CodeSigningConfigArn))).toEqual({ status: 204 });
    expect(await call('GET', ofFunction('none'))).toMatchObject({ status: 404, Message: `Function not found: ${lambdaArn}:function:none` });
  });

  it('with the policy Enforce lets no unsigned code in, and what is there runs on', async () => {
    const { CodeSigningConfigArn } = await make('Enforce');
    const refused = await createTestFunction(fixture, 'enforced', { CodeSigningConfigArn });
    expect({ status: refused.statusCode, type: refused.headers['x-amzn-errortype'], ...refused.json() }).toMatchObject(blocked);
    await call('PUT', ofFunction('two'), { CodeSigningConfigArn });
    expect(await call('PUT', '/2015-03-31/functions/two/code', { ZipFile: zipBytes('new').toString('base64') })).toMatchObject(blocked);
    expect(await call('PUT', '/2015-03-31/functions/two/code', { ZipFile: zipBytes('new').toString('base64'), DryRun: true })).toMatchObject(blocked);
    expect(await update('two', { Timeout: 6 })).toMatchObject({ status: 200 });
    expect(await call('POST', '/2015-03-31/functions/two/invocations', {})).toMatchObject({ status: 200 });
    await call('DELETE', ofFunction('two'));
    expect(await call('PUT', '/2015-03-31/functions/two/code', { ZipFile: zipBytes('new').toString('base64') })).toMatchObject({ status: 200 });
  });
});
