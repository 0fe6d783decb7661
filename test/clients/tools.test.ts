import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { invoke } from '../functions.ts';
import { awsEnvironment } from './aws-environment.ts';
import { nodePackages } from './node-packages.ts';

const execute = promisify(execFile);
const timeoutMs = 300_000;
const deployTemplate = new URL('../../examples/deploy-template/deploy-template.ts', import.meta.url).pathname;
let daemon: RunningDaemon;
let lambda: LambdaClient;
let directory: string;
let environment: Readonly<Record<string, string>>;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cloister-tools-'));
  daemon = await startDaemon();
  lambda = daemon.lambda();
  environment = { PATH: process.env['PATH'] ?? '', HOME: directory, AWS_EC2_METADATA_DISABLED: 'true', ...(await awsEnvironment(daemon)) };
}, timeoutMs);
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

/** A project of these files in a directory of its own. */
function project(name: string, files: Readonly<Record<string, string>>): string {
  const path = join(directory, name);
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(join(path, file, '..'), { recursive: true });
    writeFileSync(join(path, file), content);
  }
  return path;
}

const node = (args: readonly string[], cwd: string) => execute(process.execPath, [...args], { cwd, env: environment });

describe('CDK', () => {
  it(
    'synthesizes an app, and its function, version, alias and URL are deployed, twice',
    async () => {
      const packages = await nodePackages({ 'aws-cdk-lib': '2.276.0', constructs: '10.8.1' });
      const cwd = project('cdk', {
        'lambda/index.js': 'exports.handler = async ({ who }) => ({ from: "cdk", stage: process.env.STAGE, who });',
        'app.js': `
          const { App, Duration, Stack } = require('aws-cdk-lib');
          const { Alias, Code, Function, FunctionUrlAuthType, Runtime } = require('aws-cdk-lib/aws-lambda');
          const app = new App({ outdir: 'cdk.out' });
          const hello = new Function(new Stack(app, 'Shop'), 'Hello', {
            functionName: 'cdk-hello', runtime: new Runtime('nodejs24.x'), handler: 'index.handler', code: Code.fromAsset('lambda'),
            memorySize: 256, timeout: Duration.seconds(10), environment: { STAGE: 'test' },
          });
          new Alias(hello, 'Live', { aliasName: 'live', version: hello.currentVersion });
          hello.addFunctionUrl({ authType: FunctionUrlAuthType.NONE });
          app.synth();`,
      });
      symlinkSync(join(packages, 'node_modules'), join(cwd, 'node_modules'));
      await node(['app.js'], cwd);
      for (let round = 0; round < 2; round += 1) {
        const { stdout } = await node([deployTemplate, 'cdk.out/Shop.template.json'], cwd);
        expect(stdout).toMatch(/^Function .*:function:cdk-hello\nVersion .*:cdk-hello:1\nAlias .*:cdk-hello:live\nUrl http/);
      }
      expect((await invoke(lambda, 'cdk-hello', { who: 'you' }, 'live')).value).toEqual({ from: 'cdk', stage: 'test', who: 'you' });
      const { stdout: urls } = await daemon.cli('url', 'list', 'cdk-hello', '--json');
      const [{ FunctionUrl }] = JSON.parse(urls) as [{ FunctionUrl: string }];
      expect(await (await fetch(FunctionUrl)).json()).toMatchObject({ from: 'cdk' });
    },
    timeoutMs,
  );
});

describe('serverless', () => {
  it(
    'packages a service; its functions are deployed, and changed and invoked by its own commands',
    async () => {
      const packages = await nodePackages({ osls: '4.3.1' });
      const cwd = project('serverless', {
        'handler.js': 'exports.hello = async ({ who }) => ({ from: "serverless", stage: process.env.STAGE, who });',
        'serverless.yml': `
service: shop
provider: { name: aws, runtime: nodejs22.x, region: us-east-1, memorySize: 256, stage: dev }
functions:
  hello: { handler: handler.hello, environment: { STAGE: test } }
`,
      });
      const serverless = (...args: readonly string[]) => node([join(packages, 'node_modules/osls/bin/serverless.js'), ...args], cwd);
      await serverless('package');
      expect(readdirSync(join(cwd, '.serverless'))).toContain('shop.zip');
      const { stderr } = await node([deployTemplate, '.serverless/cloudformation-template-update-stack.json'], cwd);
      expect(stderr).toContain('left out: IamRoleLambdaExecution (AWS::IAM::Role)');
      expect((await invoke(lambda, 'shop-dev-hello', { who: 'you' })).value).toEqual({ from: 'serverless', stage: 'test', who: 'you' });
      writeFileSync(join(cwd, 'handler.js'), 'exports.hello = async ({ who }) => ({ from: "new code", who });');
      await serverless('deploy', 'function', '--function', 'hello');
      const { stdout } = await serverless('invoke', '--function', 'hello', '--data', '{"who":"you"}');
      expect(JSON.parse(stdout)).toEqual({ from: 'new code', who: 'you' });
    },
    timeoutMs,
  );
});
