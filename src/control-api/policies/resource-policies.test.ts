import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ControlApiFixture, RequestToSign } from '../../../test/support/control-api-fixture.ts';
import { callApi, createTestFunction, openControlApiFixture, signForInject, zipBytes } from '../../../test/support/control-api-fixture.ts';
import type { AccessKey } from '../stores/access-key-directory.ts';

const owner = '123456789012';
const arn = `arn:aws:lambda:us-east-1:${owner}:function:shared`;
const layerArn = `arn:aws:lambda:us-east-1:${owner}:layer:common`;
const policyPath = (name = 'shared') => `/2015-03-31/functions/${encodeURIComponent(name)}/policy`;

let fixture: ControlApiFixture;
let stranger: AccessKey;
let ann: AccessKey;

beforeEach(async () => {
  fixture = await openControlApiFixture();
  stranger = await fixture.storage.accounts.createAccessKey('210987654321');
  ann = await fixture.storage.accounts.createAccessKey('210987654321', 'ann');
  await createTestFunction(fixture, 'shared');
});
afterEach(() => fixture[Symbol.asyncDispose]());

const send = (request: RequestToSign, key?: AccessKey) => callApi(fixture, request, key === undefined ? {} : { key });
const add = (members: object, options: { name?: string; query?: Record<string, string> } = {}) =>
  send({
    method: 'POST',
    path: policyPath(options.name),
    query: options.query ?? {},
    body: JSON.stringify({ StatementId: 's', Action: 'lambda:InvokeFunction', Principal: '210987654321', ...members }),
  });
const invokeAs = (key: AccessKey, name = arn) =>
  send({ method: 'POST', path: `/2015-03-31/functions/${encodeURIComponent(name)}/invocations`, body: '{"a":1}' }, key);
const layer = async (text: string) => {
  const Content = { ZipFile: zipBytes(text).toString('base64') };
  return send({ method: 'POST', path: '/2018-10-31/layers/common/versions', body: JSON.stringify({ Content }) });
};
const shareLayer = (members: object = {}) =>
  send({
    method: 'POST',
    path: '/2018-10-31/layers/common/versions/1/policy',
    body: JSON.stringify({ StatementId: 's', Action: 'lambda:GetLayerVersion', Principal: '210987654321', ...members }),
  });

describe('function policies', () => {
  it('are answered as they were written, with a revision of their own', async () => {
    const added = await add({ SourceArn: 'arn:aws:s3:::bucket', SourceAccount: owner, Principal: 's3.amazonaws.com' });
    expect(added.statusCode).toBe(201);
    const statement = {
      Sid: 's',
      Effect: 'Allow',
      Principal: { Service: 's3.amazonaws.com' },
      Action: 'lambda:InvokeFunction',
      Resource: arn,
      Condition: { StringEquals: { 'AWS:SourceAccount': owner }, ArnLike: { 'AWS:SourceArn': 'arn:aws:s3:::bucket' } },
    };
    expect(added.json().Statement).toBe(JSON.stringify(statement));
    const read = (await send({ method: 'GET', path: policyPath() })).json();
    expect(read.Policy).toBe(JSON.stringify({ Version: '2012-10-17', Id: 'default', Statement: [statement] }));
    expect(read.RevisionId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('of a version end with it, and are not those of the function', async () => {
    await send({ method: 'POST', path: '/2015-03-31/functions/shared/versions', body: '{}' });
    await add({}, { query: { Qualifier: '1' } });
    expect((await send({ method: 'GET', path: policyPath(), query: { Qualifier: '1' } })).statusCode).toBe(200);
    expect((await send({ method: 'GET', path: policyPath() })).statusCode).toBe(404);
    expect((await invokeAs(stranger, `${arn}:1`)).statusCode).toBe(200);
    expect((await invokeAs(stranger)).statusCode).toBe(403);
    await send({ method: 'DELETE', path: '/2015-03-31/functions/shared', query: { Qualifier: '1' } });
    expect((await invokeAs(stranger, `${arn}:1`)).statusCode).toBe(403);
    expect((await send({ method: 'GET', path: policyPath(), query: { Qualifier: '1' } })).statusCode).toBe(404);
  });

  it('change only from the revision that was asked for', async () => {
    expect((await add({ RevisionId: 'none-yet' })).statusCode).toBe(412);
    await add({});
    const { RevisionId } = (await send({ method: 'GET', path: policyPath() })).json();
    const refused = await add({ StatementId: 't', RevisionId: 'older' });
    expect(refused.statusCode).toBe(412);
    expect(refused.json().message).toBe(
      'The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id',
    );
    expect((await add({ StatementId: 't', RevisionId })).statusCode).toBe(201);
    expect((await send({ method: 'DELETE', path: `${policyPath()}/s`, query: { RevisionId } })).statusCode).toBe(412);
  });

  it('keep at most 20,480 bytes, and are unchanged by a statement too many', async () => {
    let last = 201;
    let count = 0;
    while (last === 201) {
      const answer = await add({ StatementId: `s${count}`, SourceArn: `arn:aws:s3:::${'b'.repeat(900)}` });
      last = answer.statusCode;
      if (last === 201) count += 1;
      else {
        expect(answer.headers['x-amzn-errortype']).toBe('PolicyLengthExceededException');
        expect(answer.json()).toEqual({
          Type: 'User',
          message: expect.stringMatching(/^The final policy size \(2\d{4}\) is bigger than the limit \(20480\)\.$/),
        });
      }
    }
    const { Policy } = (await send({ method: 'GET', path: policyPath() })).json();
    expect(JSON.parse(Policy).Statement).toHaveLength(count);
  });

  it.each([
    [{ Principal: 'nobody' }, 400, 'The provided principal was invalid. Please check the principal and try again.'],
    [{ Principal: 'arn:aws:iam::12:root' }, 400, 'The provided principal was invalid. Please check the principal and try again.'],
    [{ Action: 'lambda:Juggle' }, 400, 'The provided action was invalid. Please check the action and try again.'],
    [{ FunctionUrlAuthType: 'NONE' }, 400, 'FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action'],
  ])('refuse %o', async (members, status, message) => {
    const answer = await add(members);
    expect([answer.statusCode, answer.json().message]).toEqual([status, message]);
    expect((await send({ method: 'GET', path: policyPath() })).statusCode).toBe(404);
  });

  it('end with their function: one of the same name is not shared', async () => {
    await add({});
    expect((await invokeAs(stranger)).statusCode).toBe(200);
    await send({ method: 'DELETE', path: '/2015-03-31/functions/shared' });
    await createTestFunction(fixture, 'shared');
    expect((await invokeAs(stranger)).statusCode).toBe(403);
  });
});

describe('calls of another account', () => {
  it('are refused alike whether the function exists or not', async () => {
    const [there, missing] = [await invokeAs(stranger), await invokeAs(stranger, arn.replace('shared', 'absent'))];
    expect(there.statusCode).toBe(403);
    expect(there.json().Message).toBe(
      `User: arn:aws:iam::210987654321:root is not authorized to perform: lambda:InvokeFunction on resource: ${arn} because no resource-based policy allows the lambda:InvokeFunction action`,
    );
    expect(missing.body).toBe(there.body.replaceAll('shared', 'absent'));
    expect(Object.keys(missing.headers)).toEqual(Object.keys(there.headers));
  });

  it('are allowed for as long as the policy does, and run as the owner’s function', async () => {
    await add({});
    expect((await invokeAs(stranger)).body).toBe('{"a":1}');
    expect(fixture.invoker.requests.at(-1)?.function).toMatchObject({ accountId: owner, functionName: 'shared' });
    expect((await send({ method: 'GET', path: `/2015-03-31/functions/${encodeURIComponent(arn)}` }, stranger)).statusCode).toBe(403);
    expect((await send({ method: 'DELETE', path: `${policyPath()}/s` })).statusCode).toBe(204);
    expect((await invokeAs(stranger)).statusCode).toBe(403);
  });

  it('of one user are not those of the account', async () => {
    await add({ Principal: 'arn:aws:iam::210987654321:user/ann' });
    expect((await invokeAs(ann)).statusCode).toBe(200);
    expect((await invokeAs(stranger)).statusCode).toBe(403);
  });

  it('never do what AWS does not share, whatever the policy says', async () => {
    await add({ Action: 'lambda:*' });
    const path = `/2015-03-31/functions/${encodeURIComponent(arn)}/configuration`;
    expect((await send({ method: 'GET', path }, stranger)).statusCode).toBe(200);
    expect((await send({ method: 'PUT', path, body: '{"Timeout":5}' }, stranger)).statusCode).toBe(403);
    const ownGrant = JSON.stringify({ StatementId: 'mine', Action: 'lambda:*', Principal: '*' });
    expect((await send({ method: 'POST', path: policyPath(arn), body: ownGrant }, stranger)).statusCode).toBe(403);
  });

  it('of a version’s policy do not change the whole function', async () => {
    await send({ method: 'POST', path: '/2015-03-31/functions/shared/versions', body: '{}' });
    await add({ Action: 'lambda:*' }, { query: { Qualifier: '1' } });
    const path = `/2015-03-31/functions/${encodeURIComponent(`${arn}:1`)}/versions`;
    expect((await send({ method: 'POST', path, body: '{}' }, stranger)).statusCode).toBe(403);
  });

  it('download the code that GetFunction may show them, and nothing beside it', async () => {
    await add({ Action: 'lambda:GetFunction' });
    const read = await send({ method: 'GET', path: `/2015-03-31/functions/${encodeURIComponent(arn)}` }, stranger);
    const { pathname, search } = new URL(read.json().Code.Location);
    const download = await fixture.app.inject({ method: 'GET', url: pathname + search, headers: { host: 'localhost:3001' } });
    expect(download.rawPayload).toEqual(zipBytes('code of shared'));
    const other = await fixture.app.inject({ method: 'GET', url: `/_cloister/v1/status${search}`, headers: { host: 'localhost:3001' } });
    expect(other.statusCode).toBe(403);
    const own = await signForInject({ method: 'GET', path: pathname }, { key: stranger, now: fixture.now, service: 'cloister' });
    expect((await fixture.app.inject(own)).statusCode).toBe(404);
  });
});

describe('layer policies', () => {
  const use = (key: AccessKey, name = 'user') => createTestFunction(fixture, name, { Layers: [`${layerArn}:1`] }, { key });
  const images = (account: string) => [...fixture.agent.images].filter((image) => image.startsWith(account));

  it('are answered as they were written, with the revision', async () => {
    await layer('common');
    const added = (await shareLayer({ Principal: '*', OrganizationId: 'o-1234567890' })).json();
    const read = (await send({ method: 'GET', path: '/2018-10-31/layers/common/versions/1/policy' })).json();
    expect(JSON.parse(read.Policy)).toEqual({ Version: '2012-10-17', Id: 'default', Statement: [JSON.parse(added.Statement)] });
    expect(JSON.parse(added.Statement)).toEqual({
      Sid: 's',
      Effect: 'Allow',
      Principal: '*',
      Action: 'lambda:GetLayerVersion',
      Resource: `${layerArn}:1`,
      Condition: { StringEquals: { 'aws:PrincipalOrgID': 'o-1234567890' } },
    });
    expect(read.RevisionId).toBe(added.RevisionId);
    expect((await use(stranger)).statusCode).toBe(403);
  });

  it('let another account read and use a version, with an image of its own', async () => {
    await layer('common');
    expect((await use(stranger)).statusCode).toBe(403);
    const absent = await createTestFunction(fixture, 'user', { Layers: [`${layerArn}:7`] }, { key: stranger });
    expect(absent.statusCode).toBe(403);
    await shareLayer();
    const read = await send({ method: 'GET', path: `/2018-10-31/layers/${encodeURIComponent(layerArn)}/versions/1` }, stranger);
    expect(read.json().LayerVersionArn).toBe(`${layerArn}:1`);
    const before = images('210987654321').length;
    const created = await use(stranger);
    expect(created.json().Layers).toEqual([{ Arn: `${layerArn}:1`, CodeSize: zipBytes('common').length }]);
    // One image for the code, one for the layer: built for this account.
    expect(images('210987654321').length - before).toBe(2);
    const version = await fixture.storage.functions.findForInvoke({ accountId: '210987654321', functionName: 'user' }, '$LATEST');
    expect(version?.layers).toEqual([expect.objectContaining({ accountId: '210987654321', arn: `${layerArn}:1` })]);
  });

  it('keep their image as long as a function uses it, also once the policy is gone', async () => {
    await layer('common');
    await shareLayer();
    await use(stranger);
    expect((await send({ method: 'DELETE', path: '/2018-10-31/layers/common/versions/1/policy/s' })).statusCode).toBe(204);
    expect((await use(stranger, 'second')).statusCode).toBe(403);
    await createTestFunction(fixture, 'third', {}, { key: stranger });
    const settled = async () => {
      await send({ method: 'DELETE', path: '/2015-03-31/functions/third' }, stranger);
      await expect.poll(async () => (await fixture.storage.artifacts.listUnreferenced('210987654321')).length).toBe(0);
    };
    await settled();
    expect(images('210987654321')).toHaveLength(2);
    await send({ method: 'DELETE', path: '/2015-03-31/functions/user' }, stranger);
    await expect.poll(() => images('210987654321').length).toBe(0);
  });

  it.each([
    ['POST', 'doesnotexist', 1, `Layer version ${layerArn.replace('common', 'doesnotexist')}:1 does not exist.`],
    ['GET', 'common', 2, `Layer version ${layerArn}:2 does not exist.`],
    ['GET', 'common', 1, 'No policy is associated with the given resource.'],
  ] as const)('answer what is not there: %s %s %i', async (method, name, version, message) => {
    await layer('common');
    const body = JSON.stringify({ StatementId: 's', Action: 'lambda:GetLayerVersion', Principal: '*' });
    const answer = await send({ method, path: `/2018-10-31/layers/${name}/versions/${version}/policy`, ...(method === 'POST' ? { body } : {}) });
    expect([answer.statusCode, answer.json().Message]).toEqual([404, message]);
  });
});
