import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControlApiFixture, RequestToSign } from '../../test/support/control-api-fixture.ts';
import { callApi, createTestFunction, openControlApiFixture } from '../../test/support/control-api-fixture.ts';
import type { AccessKey } from './stores/access-key-directory.ts';

const tenantAccount = '210987654321';
const environment = (id: string, accountId: string) => ({
  id,
  accountId,
  functionName: 'f',
  version: '$LATEST',
  state: 'idle',
  driver: 'oci',
  memoryMiB: 128,
  createdAt: '2026-11-01T00:00:00.000Z',
});

describe('the admin API', () => {
  let fixture: ControlApiFixture;
  let tenant: AccessKey;
  beforeAll(async () => {
    fixture = await openControlApiFixture();
    tenant = await fixture.storage.accounts.createAccessKey(tenantAccount);
    await createTestFunction(fixture, 'f', { LoggingConfig: { LogGroup: '/own/group' } });
    fixture.invoker.environments.push(environment('env-1', '123456789012'), environment('env-2', tenantAccount));
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  const call = async (key: AccessKey, method: 'GET' | 'POST', path: string, more: Partial<RequestToSign> = {}) => {
    const response = await callApi(fixture, { method, path: `/_cloister/v1/${path}`, ...more }, { key, service: 'cloister' });
    return { code: response.statusCode, ...response.json() };
  };

  it('tells each key what it may see', async () => {
    expect(await call(fixture.operator, 'GET', 'status')).toMatchObject({ code: 200, operator: true, functionCount: 1, environmentCount: 2 });
    expect(await call(tenant, 'GET', 'status')).toMatchObject({
      code: 200,
      accountId: tenantAccount,
      operator: false,
      functionCount: 0,
      environmentCount: 1,
    });
    const { environments } = await call(fixture.operator, 'GET', 'environments');
    expect(environments).toEqual([
      { ...environment('env-1', '123456789012'), pids: [4711] },
      { ...environment('env-2', tenantAccount), pids: [4711] },
    ]);
    expect((await call(tenant, 'GET', 'environments')).environments).toEqual([{ ...environment('env-2', tenantAccount), pids: [4711] }]);
  });

  it('shows the evidence of one environment, to its owner and to operators', async () => {
    expect(await call(tenant, 'GET', 'environments/env-2')).toMatchObject({ code: 200, id: 'env-2', pids: [4711], walls: { cgroups: {} } });
    expect(await call(fixture.operator, 'GET', 'environments/env-2')).toMatchObject({ code: 200, id: 'env-2' });
    expect(await call(tenant, 'GET', 'environments/env-1')).toMatchObject({ code: 404 });
  });

  it('stops environments, one’s own only', async () => {
    expect(await call(tenant, 'POST', 'environments/env-1/stop')).toMatchObject({ code: 404 });
    expect(fixture.invoker.environments.map(({ id }) => id)).toEqual(['env-1', 'env-2']);
    expect(await call(tenant, 'POST', 'environments/env-2/stop')).toEqual({ code: 200, id: 'env-2', stopped: true });
    expect(fixture.invoker.environments.map(({ id }) => id)).toEqual(['env-1']);
  });

  it('makes credentials that work, for operators only', async () => {
    const body = JSON.stringify({ accountId: '333333333333' });
    const made = await call(fixture.operator, 'POST', 'credentials', { body });
    expect(made).toEqual({
      code: 201,
      accountId: '333333333333',
      accessKeyId: expect.stringMatching(/^AKIA/),
      secretAccessKey: expect.any(String),
    });
    expect(await call({ ...made, operator: false }, 'GET', 'status')).toMatchObject({ code: 200, accountId: '333333333333', operator: false });
    expect(await call(tenant, 'POST', 'credentials', { body })).toMatchObject({ code: 403 });
    for (const bad of ['{"accountId":"12"}', '{}', 'null', 'no json', '[]']) {
      expect(await call(fixture.operator, 'POST', 'credentials', { body: bad })).toMatchObject({ code: 400 });
    }
  });

  it('reads a function’s logs in its own group', async () => {
    const query = { functionName: 'f', afterSequence: '4' };
    expect(await call(fixture.operator, 'GET', 'logs', { query })).toMatchObject({
      code: 200,
      events: [{ message: '123456789012 /own/group' }],
      nextSequence: 5,
    });
    const ofTenant = await call(tenant, 'GET', 'logs', { query });
    expect(ofTenant.events).toMatchObject([{ message: `${tenantAccount} /aws/lambda/f` }]);
    const asOperator = await call(fixture.operator, 'GET', 'logs', { query: { functionName: 'f', accountId: tenantAccount } });
    expect(asOperator.events).toEqual(ofTenant.events);
    expect(await call(tenant, 'GET', 'logs', { query: { ...query, accountId: '123456789012' } })).toMatchObject({ code: 403 });
    expect(await call(tenant, 'GET', 'logs', { query: { functionName: 'f', limit: '-1' } })).toMatchObject({ code: 400 });
    expect(await call(tenant, 'GET', 'logs')).toMatchObject({ code: 400 });
  });

  it('lists the runtimes of this host', async () => {
    const { runtimes } = await call(tenant, 'GET', 'runtimes');
    expect(runtimes.map(({ name }: { name: string }) => name)).toEqual(['nodejs24.x', 'provided.al2023', 'python3.13']);
  });
});
