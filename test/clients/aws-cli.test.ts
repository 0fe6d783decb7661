import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { role } from '../functions.ts';
import { awsEnvironment } from './aws-environment.ts';
import { type PythonResult, pythonPackages, runPython } from './python-packages.ts';
import { sampleArchiveFiles } from './sample-archive-files.ts';
import { samples } from './sample-functions.ts';

const timeoutMs = 300_000;
let daemon: RunningDaemon;
let archives: Awaited<ReturnType<typeof sampleArchiveFiles>>;
let packages: string;
let environment: Readonly<Record<string, string>>;

beforeAll(async () => {
  packages = await pythonPackages();
  archives = await sampleArchiveFiles();
  daemon = await startDaemon();
  environment = await awsEnvironment(daemon);
}, timeoutMs);
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  archives?.[Symbol.dispose]();
});

function aws(args: readonly string[], variables = environment): Promise<PythonResult> {
  return runPython(packages, ['-m', 'awscli', 'lambda', ...args, '--output', 'json'], variables);
}

/** Runs `aws lambda …`, which must succeed, and answers what it printed. */
async function awsJson(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await aws(args);
  if (status !== 0) throw new Error(`aws lambda ${args[0]} ended with ${status}: ${stderr}`);
  return stdout.trim() === '' ? {} : JSON.parse(stdout);
}

async function invoke(
  name: string,
  payload: unknown,
  ...args: readonly string[]
): Promise<{ readonly answer: Record<string, unknown>; readonly value: unknown }> {
  const file = join(archives.directory, 'answer.json');
  const answer = await awsJson('invoke', '--function-name', name, '--payload', JSON.stringify(payload), ...args, file);
  return { answer, value: JSON.parse(readFileSync(file, 'utf8')) };
}

const zipFile = (name: string) => `fileb://${join(archives.directory, `${name}.zip`)}`;

describe('the AWS CLI', () => {
  it.each(samples)(
    'creates a function for $runtime and invokes it',
    async ({ archive, runtime, event, answer }) => {
      const create = [
        'create-function',
        '--function-name',
        archive,
        '--runtime',
        runtime,
        '--handler',
        'index.handler',
        '--role',
        role,
        '--timeout',
        '20',
      ];
      expect(await awsJson(...create, '--zip-file', zipFile(archive))).toMatchObject({ FunctionName: archive, Runtime: runtime });
      await awsJson('wait', 'function-active-v2', '--function-name', archive);
      const invoked = await invoke(archive, event, '--log-type', 'Tail');
      expect(invoked.value).toEqual(answer);
      expect(invoked.answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST' });
      expect(Buffer.from(String(invoked.answer['LogResult']), 'base64').toString()).toMatch(/^REPORT RequestId: /m);
    },
    timeoutMs,
  );

  it('shows the error of a function', async () => {
    const { answer, value } = await invoke('node', { fail: true });
    expect(answer).toMatchObject({ StatusCode: 200, FunctionError: 'Unhandled' });
    expect(value).toMatchObject({ errorType: 'TypeError', errorMessage: 'asked to fail' });
  });

  it('publishes a version, updates code and configuration, adds a layer', async () => {
    expect(await awsJson('publish-version', '--function-name', 'node')).toMatchObject({ Version: '1' });
    await awsJson('update-function-code', '--function-name', 'node', '--zip-file', zipFile('nodeChanged'));
    await awsJson('wait', 'function-updated-v2', '--function-name', 'node');
    const layer = await awsJson('publish-layer-version', '--layer-name', 'greeting', '--zip-file', zipFile('layer'));
    const settings = ['--layers', String(layer['LayerVersionArn']), '--environment', 'Variables={STAGE=test}'];
    await awsJson('update-function-configuration', '--function-name', 'node', ...settings);
    await awsJson('wait', 'function-updated-v2', '--function-name', 'node');
    expect((await invoke('node', {})).value).toMatchObject({ edition: 2, greeting: 'from the layer', stage: 'test' });
    expect((await invoke('node', {}, '--qualifier', '1')).value).toMatchObject({ edition: 1, greeting: null, version: '1' });
  });

  it('lists page by page', async () => {
    const { Functions } = (await awsJson('list-functions', '--page-size', '1')) as { Functions: { FunctionName: string }[] };
    expect(Functions.map(({ FunctionName }) => FunctionName).toSorted()).toEqual(['node', 'python', 'shell']);
  });

  it('shows a second account nothing of the first', async () => {
    expect((await daemon.cli('credentials', 'create', '--account', '210987654321')).status).toBe(0);
    const tenant = await awsEnvironment(daemon, '--account', '210987654321');
    expect(tenant['AWS_ACCESS_KEY_ID']).not.toBe(environment['AWS_ACCESS_KEY_ID']);
    expect(JSON.parse((await aws(['list-functions'], tenant)).stdout)).toMatchObject({ Functions: [] });
  });

  it('is told in words what is wrong', async () => {
    const denied = await aws(['list-functions'], { ...environment, AWS_SECRET_ACCESS_KEY: 'x'.repeat(40) });
    expect(denied.status).not.toBe(0);
    expect(denied.stderr).toContain('InvalidSignatureException');
    await awsJson('delete-function', '--function-name', 'shell');
    const missing = await aws(['get-function', '--function-name', 'shell']);
    expect(missing.status).not.toBe(0);
    expect(missing.stderr).toContain('ResourceNotFoundException');
  });
});
