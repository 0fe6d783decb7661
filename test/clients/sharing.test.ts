import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  AddLayerVersionPermissionCommand,
  AddPermissionCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  type LambdaClient,
  ListFunctionsCommand,
  PublishLayerVersionCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { zip } from '../../bench/zip.ts';
import { type Credentials, type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';

const owner = '123456789012';
const partner = '210987654321';
const functionArn = `arn:aws:lambda:us-east-1:${owner}:function:shared`;
const code = `
exports.handler = async () => ({ greeting: require('greeting'), secret: process.env.SECRET ?? null });
`;

let daemon: RunningDaemon;
let lambda: LambdaClient;
let other: LambdaClient;
let layerArn = '';

beforeAll(async () => {
  daemon = await startDaemon();
  lambda = daemon.lambda();
  const { stdout } = await daemon.cli('credentials', 'create', '--account', partner, '--json');
  other = daemon.lambda({ ...daemon.credentials, ...(JSON.parse(stdout) as Credentials) });
  const ZipFile = await zip({ 'nodejs/node_modules/greeting/index.js': "module.exports = 'from the layer';\n" });
  layerArn = (await lambda.send(new PublishLayerVersionCommand({ LayerName: 'common', Content: { ZipFile } }))).LayerVersionArn ?? '';
  const Environment = { Variables: { SECRET: 'the owner’s' } };
  await deploy(lambda, { name: 'shared', runtime: 'nodejs24.x', files: { 'index.js': code }, Layers: [layerArn], Environment });
});
afterAll(() => daemon?.[Symbol.asyncDispose]());

const imagesOf = (accountId: string) => {
  const directory = join(daemon.dataDir, 'images', accountId);
  return readdirSync(directory).map((name) => ({ name, inode: statSync(join(directory, name)).ino }));
};
const denied = { name: 'AccessDeniedException', $metadata: { httpStatusCode: 403 } };

describe('a function of another account', () => {
  it('runs in its owner’s environment once the policy allows it, and not before', async () => {
    await expect(invoke(other, functionArn)).rejects.toMatchObject(denied);
    await lambda.send(
      new AddPermissionCommand({ FunctionName: 'shared', StatementId: 'partner', Action: 'lambda:InvokeFunction', Principal: partner }),
    );
    expect((await invoke(other, functionArn)).value).toEqual({ greeting: 'from the layer', secret: 'the owner’s' });
    const { stdout } = await daemon.cli('env', 'list', '--json');
    expect(JSON.parse(stdout)).toEqual([expect.objectContaining({ accountId: owner, functionName: 'shared' })]);
    await expect(other.send(new GetFunctionCommand({ FunctionName: functionArn }))).rejects.toMatchObject(denied);
    await expect(other.send(new DeleteFunctionCommand({ FunctionName: functionArn }))).rejects.toMatchObject(denied);
    expect((await other.send(new ListFunctionsCommand({}))).Functions).toEqual([]);
  });
});

describe('a layer of another account', () => {
  it('runs from an image of the using account’s own, also where the bytes are equal', async () => {
    await deploy(other, { name: 'user', runtime: 'nodejs24.x', files: { 'index.js': code } });
    const uses = new UpdateFunctionConfigurationCommand({ FunctionName: 'user', Layers: [layerArn] });
    await expect(other.send(uses)).rejects.toMatchObject(denied);
    const before = imagesOf(partner);
    await lambda.send(
      new AddLayerVersionPermissionCommand({
        LayerName: 'common',
        VersionNumber: 1,
        StatementId: 'partner',
        Action: 'lambda:GetLayerVersion',
        Principal: partner,
      }),
    );
    await other.send(uses);
    expect((await invoke(other, 'user')).value).toEqual({ greeting: 'from the layer', secret: null });
    const added = imagesOf(partner).filter(({ name }) => !before.some((image) => image.name === name));
    expect(added).toHaveLength(1);
    const twin = imagesOf(owner).find(({ name }) => name === added[0]?.name);
    expect(twin).toBeDefined();
    expect(twin?.inode).not.toBe(added[0]?.inode);
  });
});
