import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControlApiFixture, RequestToSign } from '../../test/support/control-api-fixture.ts';
import { callApi, createTestFunction, openControlApiFixture, signForInject, zipBytes } from '../../test/support/control-api-fixture.ts';
import { CloisterError } from '../errors.ts';
import { operationModels } from './service-model.ts';
import { supportedOperations } from './supported-operations.ts';

describe('the control API’s errors', () => {
  let fixture: ControlApiFixture;
  beforeAll(async () => {
    fixture = await openControlApiFixture();
    await createTestFunction(fixture, 'known');
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  const call = async (request: RequestToSign) => {
    const response = await callApi(fixture, request);
    return { status: response.statusCode, type: response.headers['x-amzn-errortype'], ...(response.body === '' ? {} : response.json()) };
  };
  const create = async (name: string, more: Readonly<Record<string, unknown>>) => {
    const response = await createTestFunction(fixture, name, more);
    return { status: response.statusCode, type: response.headers['x-amzn-errortype'], ...response.json() };
  };
  const invoke = (name: string, more: Partial<RequestToSign> = {}) =>
    call({ method: 'POST', path: `/2015-03-31/functions/${encodeURIComponent(name)}/invocations`, ...more });
  const invalid = (message: unknown) => ({ status: 400, type: 'InvalidParameterValueException', Type: 'User', message });

  it('names every broken constraint of the service model at once', async () => {
    expect(await create('x', { Timeout: 0 })).toEqual({
      status: 400,
      type: 'ValidationException',
      message: "1 validation error detected: Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1",
    });
    const { message } = await create('bad name', { Role: undefined, MemorySize: 32_769, PackageType: 'Rar' });
    expect(message).toMatch(/^4 validation errors detected: /);
    expect(message).toContain("Value 'bad name' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: ");
    expect(message).toContain("Value null at 'role' failed to satisfy constraint: Member must not be null");
    expect(message).toContain("Value '32769' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to 32768");
    expect(message).toContain("Value 'Rar' at 'packageType' failed to satisfy constraint: Member must satisfy enum value set: [Zip, Image]");
  });

  it('does not repeat the values of environment variables', async () => {
    const { type, message } = await create('x', { Environment: { Variables: { '1BAD': 'secret-value' } } });
    expect(type).toBe('ValidationException');
    expect(message).toContain("Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [");
    expect(message).not.toContain('secret-value');
  });

  it.each([
    ['a runtime that is not built', { Runtime: 'nodejs99.x' }, expect.stringContaining("Value nodejs99.x at 'runtime' failed to satisfy constraint")],
    ['no handler', { Handler: undefined }, 'Runtime and Handler are mandatory parameters for functions created with deployment packages.'],
    ['no code', { Code: {} }, 'Please provide a source for function code.'],
    ['an empty zip', { Code: { ZipFile: '' } }, 'Uploaded file must be a non-empty zip'],
    [
      'what is not a zip',
      { Code: { ZipFile: Buffer.from('hello').toString('base64') } },
      'Could not unzip uploaded file. Please check your file, then try to upload again.',
    ],
    ['code in S3', { Code: { S3Bucket: 'bucket', S3Key: 'key' } }, expect.stringContaining('S3')],
    ['more memory than the host grants', { MemorySize: 10_241 }, expect.stringContaining('less than or equal to 10240')],
    ['more time than the host grants', { Timeout: 901 }, expect.stringContaining('less than or equal to 900')],
    ['more storage than the host grants', { EphemeralStorage: { Size: 10_241 } }, expect.stringContaining('less than or equal to 10240')],
    [
      'reserved variables',
      { Environment: { Variables: { AWS_LAMBDA_FUNCTION_NAME: 'x', OK: 'y', AWS_REGION: 'z' } } },
      'Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_LAMBDA_FUNCTION_NAME, AWS_REGION',
    ],
    [
      'variables over 4 KB',
      { Environment: { Variables: { BIG: 'x'.repeat(4_090) } } },
      expect.stringContaining('exceeded the 4KB limit. String measured: {"BIG":"x'),
    ],
    ['a variable with a NUL', { Environment: { Variables: { NUL: 'a\0b' } } }, expect.stringContaining('NUL')],
    [
      'six layers',
      { Layers: Array.from({ length: 6 }, (_, n) => `arn:aws:lambda:us-east-1:123456789012:layer:l${n}:1`) },
      'Cannot reference more than 5 layers.',
    ],
    ['a layer that does not exist', { Layers: ['arn:aws:lambda:us-east-1:123456789012:layer:none:1'] }, expect.stringContaining('does not exist')],
    ['isolation microvm', { Tags: { 'cloister:isolation': 'microvm' } }, expect.stringContaining('microvm')],
    ['an isolation nobody knows', { Tags: { 'cloister:isolation': 'none' } }, expect.stringContaining('oci or microvm')],
    ['another architecture', { Architectures: ['arm64'] }, expect.stringContaining('arm64')],
    ['durable execution', { DurableConfig: {} }, expect.stringContaining('DurableConfig')],
    ['a name over 64', { FunctionName: 'n'.repeat(65) }, expect.stringContaining('less than or equal to 64')],
  ])('refuses %s', async (_, more, message) => {
    expect(await create('x', more)).toEqual(invalid(message));
  });

  it('takes the empty members that templates send', async () => {
    const empty = { VpcConfig: { SubnetIds: [], SecurityGroupIds: [] }, DeadLetterConfig: {}, SnapStart: { ApplyOn: 'None' }, Layers: [] };
    expect(await create('template', empty)).toMatchObject({ status: 201 });
  });

  it('counts code and layers together', async () => {
    fixture.agent.unpackedBytes = () => 150_000_000;
    const content = { Content: { ZipFile: zipBytes('large').toString('base64') } };
    const layer = await call({ method: 'POST', path: '/2018-10-31/layers/large/versions', body: JSON.stringify(content) });
    expect(layer).toMatchObject({ status: 201 });
    const tooLarge = invalid('Unzipped size must be smaller than 262144000 bytes');
    expect(await create('large', { Layers: [layer.LayerVersionArn] })).toEqual(tooLarge);
    expect(await create('large', {})).toMatchObject({ status: 201 });
    const body = JSON.stringify({ Layers: [layer.LayerVersionArn] });
    expect(await call({ method: 'PUT', path: '/2015-03-31/functions/large/configuration', body })).toEqual(tooLarge);
    fixture.agent.unpackedBytes = (archive) => archive.byteLength;
  });

  it('refuses a second function of the same name', async () => {
    expect(await create('known', {})).toEqual({
      status: 409,
      type: 'ResourceConflictException',
      Type: 'User',
      message: 'Function already exist: known',
    });
    const [one, two] = await Promise.all([create('twice', {}), create('twice', {})]);
    expect([one.status, two.status].sort()).toEqual([201, 409]);
  });

  it('keeps accounts apart, and does not tell what another has', async () => {
    const tenant = await fixture.storage.accounts.createAccessKey('210987654321');
    const asTenant = async (path: string) => (await callApi(fixture, { method: 'GET', path }, { key: tenant })).json();
    expect(await asTenant('/2015-03-31/functions/known')).toMatchObject({
      Message: 'Function not found: arn:aws:lambda:us-east-1:210987654321:function:known',
    });
    expect(await asTenant('/2015-03-31/functions')).toEqual({ Functions: [] });
    const [own, none] = await Promise.all(
      ['known', 'unknown'].map((name) =>
        asTenant(`/2015-03-31/functions/${encodeURIComponent(`arn:aws:lambda:us-east-1:123456789012:function:${name}`)}`),
      ),
    );
    expect(own.Message).toContain('is not authorized to perform: lambda:GetFunction');
    expect(none.Message).toBe(own.Message.replace('known', 'unknown'));
    const located = (await callApi(fixture, { method: 'GET', path: '/2015-03-31/functions/known' })).json();
    const { pathname } = new URL(located.Code.Location);
    const stolen = await callApi(fixture, { method: 'GET', path: pathname }, { key: tenant, service: 'cloister' });
    expect(stolen.statusCode).toBe(404);
    const layer = await create('x', { Layers: ['arn:aws:lambda:us-east-1:210987654321:layer:l:1'] });
    expect(layer).toMatchObject({ status: 403, type: 'AccessDeniedException' });
  });

  it('answers what Invoke cannot do', async () => {
    expect(await invoke('none')).toEqual({
      status: 404,
      type: 'ResourceNotFoundException',
      Type: 'User',
      Message: 'Function not found: arn:aws:lambda:us-east-1:123456789012:function:none:$LATEST',
    });
    expect(await invoke('known:7')).toMatchObject({ status: 404, Message: expect.stringMatching(/:known:7$/) });
    expect(await invoke('known:1', { query: { Qualifier: '2' } })).toMatchObject(invalid(expect.stringContaining('derived qualifier')));
    expect(await invoke('arn:aws:lambda:eu-west-1:123456789012:function:known')).toMatchObject({
      status: 404,
      Message: expect.stringContaining('eu-west-1'),
    });
    expect(await invoke('known', { body: '{"a":' })).toMatchObject({
      status: 400,
      type: 'InvalidRequestContentException',
      message: expect.stringMatching(/^Could not parse request body into json: /),
    });
    expect(await invoke('known', { body: Buffer.from([0x22, 0xff, 0x22]) })).toMatchObject({ status: 400, type: 'InvalidRequestContentException' });
    expect(await invoke('known', { headers: { 'x-amz-client-context': 'bm90IGpzb24=' } })).toMatchObject({ status: 400 });
    expect(await invoke('unknown', { headers: { 'x-amz-invocation-type': 'Event' } })).toMatchObject({ status: 404 });
    expect(fixture.events.accepted).toEqual([]);
    expect(await invoke('known', { headers: { 'x-amz-invocation-type': 'Soon' } })).toMatchObject({ status: 400, type: 'ValidationException' });
    expect(await invoke('known', { headers: { 'x-amz-tenant-id': 'blue' } })).toMatchObject(invalid(expect.stringContaining('tenancy')));
  });

  it('takes payloads of 6 MiB and not one byte more', async () => {
    const text = (length: number) => `"${'x'.repeat(length - 2)}"`;
    const sent = await callApi(fixture, { method: 'POST', path: '/2015-03-31/functions/known/invocations', body: text(6_291_456) });
    expect([sent.statusCode, sent.rawPayload.length]).toEqual([200, 6_291_456]);
    expect(await invoke('known', { body: text(6_291_457) })).toEqual({
      status: 413,
      type: 'RequestEntityTooLargeException',
      Type: 'User',
      message: 'Request must be smaller than 6291456 bytes for the InvokeFunction operation',
    });
  });

  it('refuses zips and requests over their limits', async () => {
    const zip = zipBytes('x'.repeat(52_428_801 - 4)).toString('base64');
    expect(await create('x', { Code: { ZipFile: zip } })).toMatchObject({ status: 413, message: 'Zipped size must be smaller than 52428800 bytes' });
    expect(await create('x', { Description: 'x'.repeat(70_167_211) })).toMatchObject({
      status: 413,
      message: 'Request must be smaller than 70167211 bytes for the CreateFunction operation',
    });
  });

  it('reads no body of a stranger', async () => {
    const { headers, ...request } = await signForInject(
      { method: 'POST', path: '/2015-03-31/functions', body: '{}' },
      {
        key: { accessKeyId: 'AKIAAAAAAAAAAAAAAAAA', secretAccessKey: 'x' },
        now: fixture.now,
      },
    );
    // Larger than the limit: an answer about the signature shows that the limit was not come to.
    const response = await fixture.app.inject({ ...request, headers: { ...headers, 'content-length': '99999999' } });
    expect(response.headers['x-amzn-errortype']).toBe('UnrecognizedClientException');
  });

  it.each(['image/jpeg', 'nonsense', '', 'application/json; charset=', undefined])('takes bodies called %s as what they are', async (type) => {
    const headers = type === undefined ? {} : { 'content-type': type };
    const response = await callApi(fixture, { method: 'POST', path: '/2015-03-31/functions/known/invocations', headers, body: '[1]' });
    expect([response.statusCode, response.body]).toEqual([200, '[1]']);
  });

  it('passes on internal failures without their text', async () => {
    const { respond } = fixture.invoker;
    const failWith = async (error: unknown) => {
      fixture.invoker.respond = () => Promise.reject(error);
      const answer = await invoke('known');
      fixture.invoker.respond = respond;
      return answer;
    };
    const internal = (code: 'NoCapacity' | 'ShuttingDown' | 'SystemCall') => new CloisterError(code, '/var/lib/x: EPERM', { operation: 'invoke' });
    expect(await failWith(internal('NoCapacity'))).toEqual({
      status: 429,
      type: 'TooManyRequestsException',
      Type: 'User',
      Reason: 'ConcurrentInvocationLimitExceeded',
      message: 'Rate Exceeded.',
    });
    expect(await failWith(internal('ShuttingDown'))).toMatchObject({ status: 503 });
    expect(fixture.errors).toEqual([]);
    for (const error of [internal('SystemCall'), new Error('/etc/secret EACCES')]) {
      const answer = await failWith(error);
      expect(answer).toMatchObject({ status: 500, type: 'ServiceException', Type: 'Service' });
      expect(JSON.stringify(answer)).not.toMatch(/EPERM|EACCES|\/etc|\/var| at /);
      expect(fixture.errors.pop()).toBe(error);
    }
  });

  it('answers every operation of the service model, and says so of those it has not', async () => {
    const filled = (uri: string) => uri.replace(/\{\w+\}/g, 'x').split('?');
    for (const [name, { method, uri }] of operationModels) {
      if (supportedOperations.has(name)) continue;
      const [path = '', query = ''] = filled(uri);
      const answer = await call({ method, path, query: Object.fromEntries(new URLSearchParams(query)) });
      expect([name, answer.type, answer.message]).toEqual([
        name,
        'NotImplementedException',
        `The operation ${name} is not supported by Cloister yet.`,
      ]);
    }
    expect(operationModels.size).toBe(91);
  });

  it('answers unknown paths as AWS does', async () => {
    for (const path of [
      '/',
      '/nowhere',
      '/2015-03-31/functions/known/x/y',
      '/2015-03-31//functions',
      '/%zz',
      `/2015-03-31/functions/${'x'.repeat(5_000)}`,
    ]) {
      expect(await call({ method: 'GET', path })).toMatchObject({ status: 404, type: 'UnknownOperationException' });
    }
    expect(await call({ method: 'GET', path: '/2015-03-31/functions/' })).toMatchObject({ status: 200 });
  });

  it('never answers bad input with a failure of its own', async () => {
    const scalar = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.constant('__proto__'));
    const value = fc.oneof(scalar, fc.array(scalar), fc.dictionary(fc.string(), scalar));
    const members = fc.dictionary(
      fc.constantFrom(
        'FunctionName',
        'Role',
        'Code',
        'Runtime',
        'Handler',
        'Environment',
        'Tags',
        'Layers',
        'Timeout',
        'VpcConfig',
        'Publish',
        'Content',
        '__proto__',
        'constructor',
      ),
      fc.oneof(value, fc.record({ Variables: value, ZipFile: value, SubnetIds: value, Size: value }, { requiredKeys: [] })),
    );
    const body = fc.oneof(
      fc.json().map(Buffer.from),
      fc.uint8Array().map(Buffer.from),
      members.map((object) => Buffer.from(JSON.stringify(object))),
    );
    const target = fc.constantFrom<RequestToSign>(
      { method: 'POST', path: '/2015-03-31/functions' },
      { method: 'PUT', path: '/2015-03-31/functions/known/code' },
      { method: 'PUT', path: '/2015-03-31/functions/known/configuration' },
      { method: 'POST', path: '/2015-03-31/functions/known/versions' },
      { method: 'POST', path: '/2018-10-31/layers/some/versions' },
      { method: 'POST', path: '/2015-03-31/functions/known/invocations' },
    );
    const query = fc.dictionary(fc.constantFrom('Qualifier', 'MaxItems', 'Marker', 'FunctionVersion', '__proto__'), fc.string(), { maxKeys: 2 });
    await fc.assert(
      fc.asyncProperty(target, body, query, async (request, bytes, parameters) => {
        const response = await callApi(fixture, { ...request, query: parameters, body: bytes });
        expect(response.statusCode).toBeLessThan(500);
        const listed = await callApi(fixture, { method: 'GET', path: '/2015-03-31/functions', query: parameters });
        expect(listed.statusCode).toBeLessThan(500);
      }),
      { numRuns: 400 },
    );
    expect(fixture.errors).toEqual([]);
  });

  it('never fails on a path, whatever is in it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), fc.constantFrom('', '/configuration', '/policy'), async (name, end) => {
        const path = `/2015-03-31/functions/${encodeURIComponent(name.isWellFormed() ? name : 'x')}${end}`;
        expect((await callApi(fixture, { method: 'GET', path })).statusCode).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
  });
});
