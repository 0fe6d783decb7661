import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { cloisterProgram } from '../program.ts';

/** A request as it came to the server in the daemon's place. */
interface Received {
  readonly call: string;
  readonly target: string | undefined;
  readonly host: string | undefined;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

const configuration = { FunctionName: 'f', FunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:f', State: 'Active', RevisionId: 'r1' };
let directory: string;
let server: Server;
let received: Received[];
/** What is answered to `METHOD path`, or to a CloudWatch Logs operation by its name; a number is an error of that status. */
let answers: Record<string, object | number | ((body: unknown) => object)>;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cloister-commands-'));
  server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    const body = await text(request);
    const target = headers['x-amz-target']?.toString().split('.')[1];
    received.push({
      call: `${method} ${url}`,
      target,
      host: headers.host,
      authorization: headers.authorization,
      body: body === '' ? undefined : JSON.parse(body),
    });
    const answer = answers[target ?? `${method} ${url}`] ?? (/GET .*\/configuration(\?|$)/.test(`${method} ${url}`) ? configuration : {});
    if (typeof answer === 'number') {
      const type = answer === 409 ? 'ResourceConflictException' : 'ResourceNotFoundException';
      response.writeHead(answer, { 'x-amzn-errortype': type }).end('{"message":"no"}');
    } else {
      const value = typeof answer === 'function' ? answer(received.at(-1)?.body) : answer;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  vi.stubEnv('CLOISTER_ENDPOINT', `http://127.0.0.1:${port}`);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('CLOISTER_DATA_DIR', directory);
  writeFileSync(join(directory, 'layer.zip'), 'zip');
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.close();
  server.closeAllConnections();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  received = [];
  answers = {};
});
afterEach(() => vi.restoreAllMocks());

/** Runs a command in this process and answers what it wrote to standard output. */
async function cloister(...args: readonly string[]): Promise<string> {
  let output = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((part) => {
    output += part.toString();
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  try {
    await cloisterProgram().parseAsync(args, { from: 'user' });
  } finally {
    vi.restoreAllMocks();
  }
  return output;
}

const functions = '/2015-03-31/functions';
const arn = encodeURIComponent(configuration.FunctionArn);

/** The command, the last request it makes, and that request's body. */
const requests: readonly (readonly [line: string, call: string, body?: unknown])[] = [
  ['function list --versions', `GET ${functions}?FunctionVersion=ALL`],
  ['function show f --qualifier live', `GET ${functions}/f?Qualifier=live`],
  ['function delete f --qualifier 3', `DELETE ${functions}/f?Qualifier=3`],
  ['function concurrency f', 'GET /2019-09-30/functions/f/provisioned-concurrency?List=ALL'],
  ['function permission list f --qualifier live', `GET ${functions}/f/policy?Qualifier=live`],
  [
    'function permission add f shop --principal 210987654321 --source-account 123456789012',
    `POST ${functions}/f/policy`,
    { StatementId: 'shop', Action: 'lambda:InvokeFunction', Principal: '210987654321', SourceAccount: '123456789012' },
  ],
  ['function permission remove f shop', `DELETE ${functions}/f/policy/shop`],
  ['function tag f team=shop', `GET /2017-03-31/tags/${arn}`],
  ['version list f', `GET ${functions}/f/versions`],
  ['version delete f 3', `DELETE ${functions}/f?Qualifier=3`],
  [
    'alias create f live --version 3 --weight 4=10%',
    `POST ${functions}/f/aliases`,
    { Name: 'live', FunctionVersion: '3', RoutingConfig: { AdditionalVersionWeights: { 4: 0.1 } } },
  ],
  ['alias update f live --version 4 --description new', `PUT ${functions}/f/aliases/live`, { FunctionVersion: '4', Description: 'new' }],
  ['alias update f live --no-weight', `PUT ${functions}/f/aliases/live`, { RoutingConfig: { AdditionalVersionWeights: {} } }],
  ['alias list f --version 3', `GET ${functions}/f/aliases?FunctionVersion=3`],
  ['alias show f live', `GET ${functions}/f/aliases/live`],
  ['alias delete f live', `DELETE ${functions}/f/aliases/live`],
  [
    'layer publish DIRECTORY/layer.zip --name greeting --runtime nodejs24.x --architecture arm64 --license MIT',
    'POST /2018-10-31/layers/greeting/versions',
    { Content: { ZipFile: 'emlw' }, CompatibleRuntimes: ['nodejs24.x'], CompatibleArchitectures: ['arm64'], LicenseInfo: 'MIT' },
  ],
  ['layer list --runtime python3.13', 'GET /2018-10-31/layers?CompatibleRuntime=python3.13'],
  ['layer versions greeting', 'GET /2018-10-31/layers/greeting/versions'],
  ['layer show greeting:3', 'GET /2018-10-31/layers/greeting/versions/3'],
  [
    'layer show arn:aws:lambda:us-east-1:123456789012:layer:greeting:3',
    `GET /2018-10-31/layers/${encodeURIComponent('arn:aws:lambda:us-east-1:123456789012:layer:greeting')}/versions/3`,
  ],
  ['layer delete greeting:3', 'DELETE /2018-10-31/layers/greeting/versions/3'],
  ['layer permission list greeting:3', 'GET /2018-10-31/layers/greeting/versions/3/policy'],
  [
    'layer permission add greeting:3 all --principal * --organization o-1',
    'POST /2018-10-31/layers/greeting/versions/3/policy',
    { StatementId: 'all', Action: 'lambda:GetLayerVersion', Principal: '*', OrganizationId: 'o-1' },
  ],
  ['layer permission remove greeting:3 all', 'DELETE /2018-10-31/layers/greeting/versions/3/policy/all'],
  [
    'url create f --cors-origin https://a.example --cors-origin https://b.example --cors-credentials --stream',
    'POST /2021-10-31/functions/f/url',
    {
      AuthType: 'AWS_IAM',
      Cors: { AllowOrigins: ['https://a.example', 'https://b.example'], AllowCredentials: true },
      InvokeMode: 'RESPONSE_STREAM',
    },
  ],
  ['url show f --qualifier live', 'GET /2021-10-31/functions/f/url?Qualifier=live'],
  ['url update f --no-cors --no-stream', 'PUT /2021-10-31/functions/f/url', { Cors: {}, InvokeMode: 'BUFFERED' }],
  ['url list f', 'GET /2021-10-31/functions/f/urls'],
];

describe('commands that speak Lambda’s API', () => {
  for (const [line, call, body] of requests) {
    it(`cloister ${line}`, async () => {
      await cloister(...line.replace('DIRECTORY', directory).split(' '), '--json');
      expect(received.at(-1)).toMatchObject({ call, body });
    });
  }

  it('print what Lambda answered, without what the SDK adds', async () => {
    answers[`GET ${functions}/f/aliases/live`] = { Name: 'live', FunctionVersion: '3', RoutingConfig: { AdditionalVersionWeights: { 4: 0.25 } } };
    expect(JSON.parse(await cloister('alias', 'show', 'f', 'live', '--json'))).toEqual(answers[`GET ${functions}/f/aliases/live`]);
    expect(await cloister('alias', 'show', 'f', 'live')).toContain('RoutingConfig.AdditionalVersionWeights.4  0.25');
  });

  it.each(['greeting', 'greeting:', 'greeting:x', 'a b:3', ':3'])('layer show takes no %j', async (reference) => {
    await expect(cloister('layer', 'show', reference)).rejects.toMatchObject({ code: 'commander.invalidArgument' });
    expect(received).toEqual([]);
  });
});

describe('cloister function update', () => {
  it('changes single variables on the revision it has read', async () => {
    answers[`GET ${functions}/f/configuration`] = { ...configuration, Environment: { Variables: { STAGE: 'one', KEEP: 'me' } } };
    await cloister('function', 'update', 'f', '--set-env', 'DEBUG=1', '--unset-env', 'STAGE', '--memory', '512');
    expect(received.find(({ call }) => call.startsWith('PUT'))).toMatchObject({
      call: `PUT ${functions}/f/configuration`,
      body: { MemorySize: 512, Environment: { Variables: { KEEP: 'me', DEBUG: '1' } }, RevisionId: 'r1' },
    });
  });

  it('changes how a function logs', async () => {
    const logging = ['--log-format', 'json', '--application-log-level', 'trace', '--system-log-level', 'warn', '--log-group', '/mine'];
    await cloister('function', 'update', 'f', ...logging);
    expect(received.find(({ call }) => call.startsWith('PUT'))?.body).toEqual({
      LoggingConfig: { LogFormat: 'JSON', ApplicationLogLevel: 'TRACE', SystemLogLevel: 'WARN', LogGroup: '/mine' },
    });
  });

  it('removes all layers', async () => {
    await cloister('function', 'update', 'f', '--no-layers');
    expect(received.find(({ call }) => call.startsWith('PUT'))?.body).toEqual({ Layers: [] });
  });

  it.each([
    ['function', 'update', 'f'],
    ['function', 'update', 'f', '--env', 'A=1', '--set-env', 'B=2'],
    ['alias', 'update', 'f', 'live'],
  ])('refuses to guess: %s %s %s', async (...args) => {
    await expect(cloister(...args)).rejects.toMatchObject({ code: 'BadMessage' });
    expect(received).toEqual([]);
  });
});

describe('cloister function concurrency', () => {
  it('sets and removes both kinds', async () => {
    await cloister('function', 'concurrency', 'f', '--reserved', '0', '--provisioned', '5', '--qualifier', 'live');
    await cloister('function', 'concurrency', 'f', '--no-reserved', '--no-provisioned', '--qualifier', 'live');
    expect(received.filter(({ call }) => !call.startsWith('GET'))).toMatchObject([
      { call: 'PUT /2017-10-31/functions/f/concurrency', body: { ReservedConcurrentExecutions: 0 } },
      { call: 'PUT /2019-09-30/functions/f/provisioned-concurrency?Qualifier=live', body: { ProvisionedConcurrentExecutions: 5 } },
      { call: 'DELETE /2017-10-31/functions/f/concurrency' },
      { call: 'DELETE /2019-09-30/functions/f/provisioned-concurrency?Qualifier=live' },
    ]);
  });

  it('asks for the version that environments are kept ready for', async () => {
    await expect(cloister('function', 'concurrency', 'f', '--provisioned', '5')).rejects.toMatchObject({ code: 'BadMessage' });
    expect(received).toEqual([]);
  });
});

describe('cloister function async', () => {
  const path = '/2019-09-25/functions/f/event-invoke-config';

  it('changes what it is told and keeps the rest', async () => {
    answers[`GET ${path}`] = {
      MaximumRetryAttempts: 1,
      DestinationConfig: { OnSuccess: { Destination: 'arn:a' }, OnFailure: { Destination: 'arn:b' } },
    };
    await cloister('function', 'async', 'f', '--max-age', '60', '--on-success', '');
    expect(received.at(-1)).toMatchObject({
      call: `PUT ${path}`,
      body: { MaximumRetryAttempts: 1, MaximumEventAgeInSeconds: 60, DestinationConfig: { OnFailure: { Destination: 'arn:b' } } },
    });
  });

  it('tells a function without settings from a function that is not there', async () => {
    answers[`GET ${path}`] = 404;
    expect(await cloister('function', 'async', 'f', '--json')).toBe('null\n');
    answers[`GET ${functions}/f/configuration`] = 404;
    await expect(cloister('function', 'async', 'f', '--json')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

describe('cloister function permission list', () => {
  it('shows a row for each statement, and that there is none', async () => {
    const statement = { Sid: 'shop', Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::210987654321:root' }, Action: 'lambda:InvokeFunction' };
    answers[`GET ${functions}/f/policy`] = { Policy: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }) };
    expect(await cloister('function', 'permission', 'list', 'f')).toMatch(/^shop {2}arn:aws:iam::210987654321:root {2}lambda:InvokeFunction$/m);
    answers[`GET ${functions}/f/policy`] = 404;
    expect(await cloister('function', 'permission', 'list', 'f', '--json')).toBe('null\n');
  });
});

describe('cloister url', () => {
  const added = () => received.filter(({ call }) => call.startsWith('POST') && call.includes('/policy')).map(({ body }) => body);

  it('create --auth none lets everybody in, whether that was so already or not', async () => {
    answers['POST /2015-03-31/functions/f/policy'] = 409;
    await cloister('url', 'create', 'f', '--auth', 'none');
    expect(received[0]).toMatchObject({ call: 'POST /2021-10-31/functions/f/url', body: { AuthType: 'NONE' } });
    expect(added()).toMatchObject([
      { Action: 'lambda:InvokeFunctionUrl', Principal: '*', FunctionUrlAuthType: 'NONE' },
      { Action: 'lambda:InvokeFunction', Principal: '*', InvokedViaFunctionUrl: true },
    ]);
  });

  it('update --auth iam takes that back before the URL changes, and delete after it', async () => {
    await cloister('url', 'update', 'f', '--auth', 'iam');
    expect(received.map(({ call }) => call.split(' ')[0])).toEqual(['DELETE', 'DELETE', 'PUT']);
    received = [];
    await cloister('url', 'delete', 'f');
    expect(received.map(({ call }) => call)).toEqual([
      'DELETE /2021-10-31/functions/f/url',
      `DELETE ${functions}/f/policy/FunctionURLAllowPublicAccess`,
      `DELETE ${functions}/f/policy/FunctionURLInvokeAllowPublicAccess`,
    ]);
  });

  it.each([
    ['AWS_IAM', /^AWS4-HMAC-SHA256 Credential=AKIATEST\/\d{8}\/us-east-1\/lambda\/aws4_request/],
    ['NONE', /^$/],
  ])('call goes to the daemon under the URL’s name, signed as %s asks', async (AuthType, authorization) => {
    answers['GET /2021-10-31/functions/f/url'] = { FunctionUrl: 'http://abc.lambda-url.example:99/', AuthType };
    answers['POST /orders?page=2'] = { done: true };
    expect(await cloister('url', 'call', 'f', '/orders?page=2', '--data', '{"a":1}')).toBe('{"done":true}');
    expect(received.at(-1)).toMatchObject({ call: 'POST /orders?page=2', host: 'abc.lambda-url.example:99', body: { a: 1 } });
    expect(received.at(-1)?.authorization ?? '').toMatch(authorization);
  });
});

describe('cloister invoke --async', () => {
  it('says under which id the event was accepted', async () => {
    const output = await cloister('invoke', 'f', '--async', '--payload', '{"a":1}', '--json');
    expect(JSON.parse(output)).toMatchObject({ statusCode: 200 });
    expect(received[0]).toMatchObject({ call: `POST ${functions}/f/invocations`, body: { a: 1 } });
  });
});

describe('cloister logs', () => {
  it('reads page after page of the function’s log group', async () => {
    answers[`GET ${functions}/f/configuration`] = { ...configuration, LoggingConfig: { LogGroup: '/mine' } };
    const event = (id: number) => ({ eventId: String(id), timestamp: 1_000 + id, message: `line ${id}\n`, logStreamName: 's' });
    answers['FilterLogEvents'] = (body) =>
      (body as { nextToken?: string }).nextToken === undefined ? { events: [event(0)], nextToken: 'more' } : { events: [event(1)] };
    expect(await cloister('logs', 'f', '--since', '1970-01-01T00:00:01Z', '--filter', 'line')).toBe(
      '1970-01-01T00:00:01.000Z line 0\n1970-01-01T00:00:01.001Z line 1\n',
    );
    expect(received.at(-1)).toMatchObject({
      target: 'FilterLogEvents',
      body: { logGroupName: '/mine', startTime: 1_000, filterPattern: 'line', nextToken: 'more' },
    });
    expect(received.at(-1)?.authorization).toContain('/us-east-1/logs/aws4_request');
    expect(await cloister('logs', '--group', '/mine', '--json')).toMatch(/^\{"timestamp":1000,"message":"line 0\\n","logStream":"s"\}\n/);
  });

  it('of a function that has not run shows nothing; of one that never was fails', async () => {
    answers['FilterLogEvents'] = 404;
    expect(await cloister('logs', 'f')).toBe('');
    answers[`GET ${functions}/f/configuration`] = 404;
    await expect(cloister('logs', 'f')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('lists log groups, and wants to know what to show', async () => {
    answers['DescribeLogGroups'] = { logGroups: [{ logGroupName: '/aws/lambda/f', storedBytes: 7 }] };
    expect(await cloister('logs', '--groups')).toMatch(/^\/aws\/lambda\/f {2}for ever {2}7 bytes$/m);
    await expect(cloister('logs')).rejects.toMatchObject({ code: 'BadMessage' });
    await expect(cloister('logs', 'f', '--groups')).rejects.toMatchObject({ code: 'BadMessage' });
  });
});
