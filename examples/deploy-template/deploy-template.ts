/**
 * Deploys the Lambda resources of a CloudFormation template that CDK or serverless has synthesized, where there is no CloudFormation:
 *
 *     eval "$(cloister credentials env)"
 *     node examples/deploy-template/deploy-template.ts cdk.out/Shop.template.json
 *     node examples/deploy-template/deploy-template.ts .serverless/cloudformation-template-update-stack.json
 *
 * Layers, functions, versions, aliases, URLs and permissions are made, or changed where they are there. Other resources are named and left out: where a
 * function refers to one of them (its role), a made-up name stands for it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateFunctionCommand,
  CreateFunctionUrlConfigCommand,
  LambdaClient,
  PublishLayerVersionCommand,
  PublishVersionCommand,
  ResourceConflictException,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  UpdateFunctionUrlConfigCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { readArchive } from '../../src/cli/zip-directory.ts';

interface Resource {
  readonly Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: properties have the shape of the API's requests, which checks them
  readonly Properties?: any;
}

/** The functions of a template that refer to something else. */
interface Intrinsic {
  readonly Ref?: string;
  readonly 'Fn::GetAtt'?: [id: string, name: string];
  readonly 'Fn::Join'?: [separator: string, parts: unknown];
  readonly 'Fn::Sub'?: string;
}

const [templatePath] = process.argv.slice(2);
if (templatePath === undefined) throw new Error('usage: node deploy-template.ts TEMPLATE.json');
const directory = dirname(templatePath);
const template = JSON.parse(readFileSync(templatePath, 'utf8')) as { readonly Resources: Readonly<Record<string, Resource>> };
const lambda = new LambdaClient({ maxAttempts: 1 });
const waiting = { client: lambda, maxWaitTime: 120, minDelay: 1, maxDelay: 1 };
/** What `Ref` and `Fn::GetAtt` of what was made already give. */
const made = new Map<string, Readonly<Record<string, string>>>();

/** Makes one resource and answers its attributes; what `Ref` gives is under `Ref`. In the order in which they refer to each other. */
// biome-ignore lint/suspicious/noExplicitAny: as above
const makers: Readonly<Record<string, (properties: any, id: string) => Promise<Record<string, string>>>> = {
  'AWS::Lambda::LayerVersion': async ({ Content, LayerName, ...rest }, id) => {
    const { LayerVersionArn = '' } = await lambda.send(
      new PublishLayerVersionCommand({ ...rest, LayerName: LayerName ?? id, Content: { ZipFile: await archiveOf(Content) } }),
    );
    return { Ref: LayerVersionArn };
  },
  'AWS::Lambda::Function': async ({ Code, FunctionName = '', Tags = [], ...settings }, id) => {
    const name = FunctionName === '' ? id : FunctionName;
    const ZipFile = await archiveOf(Code);
    const tags = Object.fromEntries((Tags as { Key: string; Value: string }[]).map(({ Key, Value }) => [Key, Value]));
    const created = await orIfThere(
      () => lambda.send(new CreateFunctionCommand({ ...settings, FunctionName: name, Code: { ZipFile }, Tags: tags })),
      async () => {
        await lambda.send(new UpdateFunctionConfigurationCommand({ ...settings, FunctionName: name }));
        await waitUntilFunctionUpdatedV2(waiting, { FunctionName: name });
        return lambda.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile }));
      },
    );
    await waitUntilFunctionActiveV2(waiting, { FunctionName: name });
    await waitUntilFunctionUpdatedV2(waiting, { FunctionName: name });
    return { Ref: name, Arn: created.FunctionArn ?? '' };
  },
  'AWS::Lambda::Version': async ({ FunctionName, Description }) => {
    const { Version = '', FunctionArn = '' } = await lambda.send(new PublishVersionCommand({ FunctionName, Description }));
    return { Ref: FunctionArn, Version };
  },
  'AWS::Lambda::Alias': async (properties) => {
    const { AliasArn = '' } = await orIfThere(
      () => lambda.send(new CreateAliasCommand(properties)),
      () => lambda.send(new UpdateAliasCommand(properties)),
    );
    return { Ref: AliasArn };
  },
  'AWS::Lambda::Url': async ({ TargetFunctionArn, ...rest }) => {
    const request = { ...rest, FunctionName: TargetFunctionArn };
    const { FunctionArn = '', FunctionUrl = '' } = await orIfThere(
      () => lambda.send(new CreateFunctionUrlConfigCommand(request)),
      () => lambda.send(new UpdateFunctionUrlConfigCommand(request)),
    );
    return { Ref: FunctionArn, FunctionUrl };
  },
  'AWS::Lambda::Permission': async (properties, id) => {
    await orIfThere(
      () => lambda.send(new AddPermissionCommand({ ...properties, StatementId: id })),
      async () => undefined,
    );
    return { Ref: id };
  },
};

for (const [type, make] of Object.entries(makers)) {
  for (const [id, { Properties = {} }] of Object.entries(template.Resources).filter(([, resource]) => resource.Type === type)) {
    const attributes = await make(resolve(Properties), id);
    made.set(id, attributes);
    console.log(`${type.split('::').at(-1)} ${attributes['FunctionUrl'] ?? attributes['Arn'] ?? attributes['Ref']}`);
  }
}
for (const [id, { Type }] of Object.entries(template.Resources)) {
  if (makers[Type] === undefined) console.error(`left out: ${id} (${Type})`);
}

/** A value of the template with its references replaced. */
function resolve(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(resolve);
  if (typeof value !== 'object' || value === null) return value;
  const { Ref, 'Fn::GetAtt': getAttribute, 'Fn::Join': join, 'Fn::Sub': substitute } = value as Intrinsic;
  if (Ref !== undefined) return attribute(Ref, 'Ref');
  if (getAttribute !== undefined) return attribute(...getAttribute);
  if (join !== undefined) return (resolve(join[1]) as string[]).join(join[0]);
  if (substitute !== undefined) return substitute.replaceAll(/\$\{([^}]+)\}/g, (_, name: string) => attribute(name, 'Ref'));
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, resolve(each)]));
}

function attribute(id: string, name: string): string {
  const pseudo = { 'AWS::Partition': 'aws', 'AWS::AccountId': '123456789012', 'AWS::Region': process.env['AWS_REGION'] ?? 'us-east-1' };
  const known = made.get(id)?.[name] ?? pseudo[id as keyof typeof pseudo];
  return known ?? (name === 'Arn' ? `arn:aws:iam::123456789012:role/${id}` : id);
}

/** CDK puts the asset HASH.zip beside the template as asset.HASH, a directory or a zip; serverless its archives under their own names. */
async function archiveOf({ S3Key, ZipFile }: { readonly S3Key?: string; readonly ZipFile?: string }): Promise<Buffer> {
  if (S3Key === undefined) throw new Error(`code is neither an asset nor an archive: ${ZipFile ?? 'an image'}`);
  const name = basename(S3Key);
  const candidates = [`asset.${name.replace(/\.zip$/, '')}`, `asset.${name}`, name].map((each) => join(directory, each));
  const path = candidates.find((each) => existsSync(each));
  if (path === undefined) throw new Error(`none of these is there: ${candidates.join(', ')}`);
  return readArchive(path);
}

async function orIfThere<T>(create: () => Promise<T>, change: () => Promise<T>): Promise<T> {
  try {
    return await create();
  } catch (error) {
    if (error instanceof ResourceConflictException) return change();
    throw error;
  }
}
