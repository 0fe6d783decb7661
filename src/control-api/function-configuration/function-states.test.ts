import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ControlApiFixture, callApi, createTestFunction, openControlApiFixture, zipBytes } from '../../../test/support/control-api-fixture.ts';
import { CloisterError } from '../../errors.ts';

const arn = 'arn:aws:lambda:us-east-1:123456789012:function:slow';
const inState = (state: string) => ({
  status: 409,
  type: 'ResourceConflictException',
  message: `The operation cannot be performed at this time. The function is currently in the following state: ${state}`,
});
const updateInProgress = {
  status: 409,
  type: 'ResourceConflictException',
  message: `The operation cannot be performed at this time. An update is in progress for resource: ${arn}`,
};

describe('a function whose code takes long to build', () => {
  let fixture: ControlApiFixture;
  /** Lets the builds that wait come to their end. */
  let letBuild: PromiseWithResolvers<void>;
  let buildImage: ControlApiFixture['agent']['buildImage'];

  beforeEach(async () => {
    fixture = await openControlApiFixture({ answerAfterMs: 20 });
    const build = fixture.agent.buildImage.bind(fixture.agent);
    letBuild = Promise.withResolvers();
    buildImage = async (...options) => {
      await letBuild.promise;
      return build(...options);
    };
    fixture.agent.buildImage = buildImage;
  });
  afterEach(async () => {
    letBuild.resolve();
    await fixture[Symbol.asyncDispose]();
  });

  const call = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object) => {
    const response = await callApi(fixture, {
      method,
      path: `/2015-03-31/functions/${path}`,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const type = response.headers['x-amzn-errortype'];
    return { status: response.statusCode, ...(type === undefined ? {} : { type }), ...(response.body === '' ? {} : response.json()) };
  };
  const configuration = () => call('GET', 'slow/configuration');
  const until = async (done: (configuration: Record<string, unknown>) => boolean) => {
    for (;;) {
      const read = await configuration();
      if (done(read)) return read;
      await new Promise(setImmediate);
    }
  };
  /** However long its build takes on a busy host. */
  const createWithCode = async () => {
    letBuild.resolve();
    await createTestFunction(fixture, 'slow');
    const created = await until(({ State }) => State === 'Active');
    letBuild = Promise.withResolvers();
    return created;
  };
  const newCode = (more: object = {}) => ({ ZipFile: zipBytes('other code').toString('base64'), ...more });

  it('is Pending, can be neither invoked nor changed, and then is Active', async () => {
    const created = (await createTestFunction(fixture, 'slow')).json();
    expect(created).toMatchObject({ State: 'Pending', StateReasonCode: 'Creating', StateReason: 'The function is being created.' });
    expect(await configuration()).toMatchObject({ State: 'Pending', CodeSha256: created.CodeSha256, CodeSize: created.CodeSize });
    expect(await call('POST', 'slow/invocations')).toMatchObject(inState('Pending'));
    expect((await createTestFunction(fixture, 'slow')).json()).toMatchObject({ message: 'Function already exist: slow' });
    expect(await call('PUT', 'slow/code', newCode())).toMatchObject(updateInProgress);
    expect(await call('PUT', 'slow/configuration', { Timeout: 9 })).toMatchObject(updateInProgress);
    expect(await call('POST', 'slow/versions', {})).toMatchObject(updateInProgress);
    letBuild.resolve();
    expect(await until(({ State }) => State !== 'Pending')).toMatchObject({ State: 'Active', LastUpdateStatus: 'Successful', Timeout: 3 });
    expect((await callApi(fixture, { method: 'POST', path: '/2015-03-31/functions/slow/invocations', body: '{"a":1}' })).body).toBe('{"a":1}');
  });

  it('is Failed with the reason when its archive turns out to be none, and takes other code then', async () => {
    await createTestFunction(fixture, 'slow', { Code: { ZipFile: Buffer.from('no zip').toString('base64') } });
    letBuild.resolve();
    expect(await until(({ State }) => State !== 'Pending')).toMatchObject({
      State: 'Failed',
      StateReason: 'Could not unzip uploaded file. Please check your file, then try to upload again.',
      StateReasonCode: 'InvalidZipFileException',
    });
    expect(await call('POST', 'slow/invocations')).toMatchObject(inState('Failed'));
    expect(await call('PUT', 'slow/configuration', { Timeout: 9 })).toMatchObject(inState('Failed'));
    expect(await call('POST', 'slow/versions', {})).toMatchObject(inState('Failed'));
    expect(await call('PUT', 'slow/code', newCode())).toMatchObject({ status: 200 });
    expect(await until(({ State }) => State === 'Active')).toMatchObject({ LastUpdateStatus: 'Successful' });
  });

  it('runs the old code while an update is in progress, and no second update begins', async () => {
    const { CodeSha256 } = await createWithCode();
    const before = fixture.invoker.retired.length;
    expect(await call('PUT', 'slow/code', newCode())).toMatchObject({ LastUpdateStatus: 'InProgress', State: 'Active', CodeSha256 });
    expect(await configuration()).toMatchObject({ State: 'Active', LastUpdateStatus: 'InProgress', LastUpdateStatusReasonCode: 'Creating' });
    expect(await call('PUT', 'slow/code', newCode())).toMatchObject(updateInProgress);
    expect(await call('PUT', 'slow/configuration', { Timeout: 9 })).toMatchObject(updateInProgress);
    expect(await call('POST', 'slow/versions', {})).toMatchObject(updateInProgress);
    expect(await call('POST', 'slow/invocations')).toMatchObject({ status: 200 });
    expect(fixture.invoker.retired).toHaveLength(before);
    letBuild.resolve();
    const after = await until(({ LastUpdateStatus }) => LastUpdateStatus !== 'InProgress');
    expect(after).toMatchObject({ LastUpdateStatus: 'Successful' });
    expect(after['CodeSha256']).not.toBe(CodeSha256);
    expect(fixture.invoker.retired.at(-1)).toMatchObject({ functionName: 'slow', version: '$LATEST' });
  });

  it('keeps the old code when an update fails late, and says why', async () => {
    const { CodeSha256 } = await createWithCode();
    fixture.agent.buildImage = async () => {
      await letBuild.promise;
      throw new CloisterError('BuilderFailed', '/secret/path: EIO', { operation: 'build' });
    };
    await call('PUT', 'slow/code', newCode());
    letBuild.resolve();
    const after = await until(({ LastUpdateStatus }) => LastUpdateStatus !== 'InProgress');
    expect(after).toMatchObject({ State: 'Active', LastUpdateStatus: 'Failed', LastUpdateStatusReasonCode: 'InternalError', CodeSha256 });
    expect(JSON.stringify(after)).not.toMatch(/secret|EIO/);
    expect(await call('POST', 'slow/invocations')).toMatchObject({ status: 200 });
    fixture.agent.buildImage = buildImage;
    await call('PUT', 'slow/code', newCode());
    expect(await until(({ LastUpdateStatus }) => LastUpdateStatus === 'Successful')).not.toMatchObject({ CodeSha256 });
  });

  it('that was deleted meanwhile stays deleted', async () => {
    await createTestFunction(fixture, 'slow');
    expect(await call('DELETE', 'slow')).toMatchObject({ status: 204 });
    letBuild.resolve();
    await fixture.app.close();
    expect(await fixture.storage.functions.find({ accountId: '123456789012', functionName: 'slow' }, '$LATEST')).toBeUndefined();
    expect(fixture.errors).toEqual([]);
  });

  it('does not stay Pending or InProgress when the service ends before it is done', async () => {
    letBuild.resolve();
    await createWithCode();
    const { functions } = fixture.storage;
    const updated = await functions.find({ accountId: '123456789012', functionName: 'slow' }, '$LATEST');
    if (updated === undefined) throw new Error('the function is not there');
    // What a killed process leaves behind.
    await functions.create({ ...updated, functionName: 'created', status: { state: 'Pending' } }, { tags: {} });
    await functions.setStatus(updated, { state: 'Active', lastUpdate: 'InProgress' }, { expectedRevisionId: updated.revisionId });
    expect(await call('GET', 'created/configuration')).toMatchObject({ State: 'Pending' });
    await functions.failInterrupted({ reason: 'The service ended.', reasonCode: 'InternalError' });
    expect(await call('GET', 'created/configuration')).toMatchObject({
      State: 'Failed',
      StateReason: 'The service ended.',
      StateReasonCode: 'InternalError',
    });
    expect(await call('GET', 'slow/configuration')).toMatchObject({ State: 'Active', LastUpdateStatus: 'Failed' });
    expect(await call('POST', 'slow/invocations')).toMatchObject({ status: 200 });
    expect(await call('POST', 'created/invocations')).toMatchObject(inState('Failed'));
  });
});
