import { randomBytes } from 'node:crypto';
import type {
  CodeSigningConfig as CodeSigningConfigAnswer,
  CreateCodeSigningConfigRequest,
  DeleteCodeSigningConfigRequest,
  GetCodeSigningConfigRequest,
  ListCodeSigningConfigsRequest,
  ListFunctionsByCodeSigningConfigRequest,
  UpdateCodeSigningConfigRequest,
} from '@aws-sdk/client-lambda';
import { formatFunctionArn } from '../../functions/arn.ts';
import { type CodeSigningConfig, codeSigningConfigIdOf, formatCodeSigningConfigArn } from '../../functions/code-signing-config.ts';
import { ApiError } from '../api-error.ts';
import type { Operation, OperationServices } from '../operation.ts';
import { readPage } from '../pagination.ts';

const idPattern = /^csc-[a-z0-9]{17}$/;
const functionNamePattern = /^[a-zA-Z0-9-_]{1,140}$/;

/** CreateCodeSigningConfig. */
export const createCodeSigningConfig: Operation<CreateCodeSigningConfigRequest> = async (services, { input, accountId }) => {
  const config: CodeSigningConfig = {
    accountId,
    id: `csc-${randomBytes(9).toString('hex').slice(0, 17)}`,
    description: input.Description ?? '',
    publishers: input.AllowedPublishers?.SigningProfileVersionArns ?? [],
    untrustedCode: input.CodeSigningPolicies?.UntrustedArtifactOnDeployment ?? 'Warn',
    lastModified: new Date(services.clock()).toISOString(),
  };
  await services.codeSigning.create(config, input.Tags ?? {});
  return { body: { CodeSigningConfig: configAnswer(services, config) } };
};

/** GetCodeSigningConfig. */
export const getCodeSigningConfig: Operation<GetCodeSigningConfigRequest> = async (services, { input, accountId }) => {
  return { body: { CodeSigningConfig: configAnswer(services, await findConfig(services, accountId, input.CodeSigningConfigArn)) } };
};

/** UpdateCodeSigningConfig: what the request does not name stays. */
export const updateCodeSigningConfig: Operation<UpdateCodeSigningConfigRequest> = async (services, { input, accountId }) => {
  const current = await findConfig(services, accountId, input.CodeSigningConfigArn);
  const config: CodeSigningConfig = {
    ...current,
    description: input.Description ?? current.description,
    publishers: input.AllowedPublishers?.SigningProfileVersionArns ?? current.publishers,
    untrustedCode: input.CodeSigningPolicies?.UntrustedArtifactOnDeployment ?? current.untrustedCode,
    lastModified: new Date(services.clock()).toISOString(),
  };
  if (!(await services.codeSigning.replace(config))) throw notFound(input.CodeSigningConfigArn);
  return { body: { CodeSigningConfig: configAnswer(services, config) } };
};

/** DeleteCodeSigningConfig: one that no function has. */
export const deleteCodeSigningConfig: Operation<DeleteCodeSigningConfigRequest> = async (services, { input, accountId }) => {
  const { id } = await findConfig(services, accountId, input.CodeSigningConfigArn);
  const outcome = await services.codeSigning.remove(accountId, id);
  if (outcome === 'none') throw notFound(input.CodeSigningConfigArn);
  if (outcome === 'inUse') {
    throw new ApiError('ResourceConflictException', `The code signing configuration ${input.CodeSigningConfigArn} is in use by a function.`);
  }
  return { status: 204 };
};

/** ListCodeSigningConfigs. */
export const listCodeSigningConfigs: Operation<ListCodeSigningConfigsRequest> = async (services, { input, accountId }) => {
  const { items, nextMarker } = await readPage({
    list: 'ListCodeSigningConfigs',
    marker: input.Marker,
    maxItems: input.MaxItems,
    place: [idPattern],
    placeOf: (config: CodeSigningConfig) => [config.id],
    read: (after, limit) => services.codeSigning.list(accountId, { after: after?.[0], limit }),
  });
  return {
    body: {
      CodeSigningConfigs: items.map((config) => configAnswer(services, config)),
      ...(nextMarker === undefined ? {} : { NextMarker: nextMarker }),
    },
  };
};

/** ListFunctionsByCodeSigningConfig. */
export const listFunctionsByCodeSigningConfig: Operation<ListFunctionsByCodeSigningConfigRequest> = async (services, { input, accountId }) => {
  const { region } = services;
  const { id } = await findConfig(services, accountId, input.CodeSigningConfigArn);
  const { items, nextMarker } = await readPage({
    list: `ListFunctionsByCodeSigningConfig ${id}`,
    marker: input.Marker,
    maxItems: input.MaxItems,
    place: [functionNamePattern],
    placeOf: (functionName: string) => [functionName],
    read: (after, limit) => services.codeSigning.listFunctions(accountId, id, { after: after?.[0], limit }),
  });
  const arns = items.map((functionName) => formatFunctionArn({ region, accountId, functionName }));
  return { body: { FunctionArns: arns, ...(nextMarker === undefined ? {} : { NextMarker: nextMarker }) } };
};

async function findConfig(
  { codeSigning, region }: Pick<OperationServices, 'codeSigning' | 'region'>,
  accountId: string,
  arn: string | undefined,
): Promise<CodeSigningConfig> {
  const id = codeSigningConfigIdOf(arn ?? '', { region, accountId });
  const config = id === undefined ? undefined : await codeSigning.find(accountId, id);
  if (config === undefined) throw notFound(arn);
  return config;
}

function notFound(arn: string | undefined): ApiError {
  return new ApiError('ResourceNotFoundException', `The Lambda code signing configuration ${arn} can not be found.`);
}

function configAnswer({ region }: Pick<OperationServices, 'region'>, config: CodeSigningConfig): CodeSigningConfigAnswer {
  return {
    CodeSigningConfigId: config.id,
    CodeSigningConfigArn: formatCodeSigningConfigArn({ region, ...config }),
    Description: config.description,
    AllowedPublishers: { SigningProfileVersionArns: [...config.publishers] },
    CodeSigningPolicies: { UntrustedArtifactOnDeployment: config.untrustedCode },
    LastModified: config.lastModified.replace('Z', '+0000'),
  };
}
