import { randomUUID } from 'node:crypto';
import type { CreateFunctionRequest } from '@aws-sdk/client-lambda';
import { CloisterError } from '../../errors.ts';
import { latestVersion } from '../../functions/arn.ts';
import type { CodeSigningConfig } from '../../functions/code-signing-config.ts';
import type { CodeArtifact, FunctionConfiguration, FunctionRecord } from '../../functions/function-record.ts';
import { failedStatus } from '../../functions/function-status.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { checkCodeSignature, codeSigningConfigToUse } from '../code/code-signing.ts';
import { codeWithoutImage, receivedZip } from '../code/uploaded-code.ts';
import {
  applyConfiguration,
  checkArchitectures,
  checkTags,
  checkUnpackedSize,
  unpackedLayerBytes,
} from '../function-configuration/configuration-checks.ts';
import type { ChangeWork } from '../function-configuration/function-changes.ts';
import { functionConfigurationAnswer } from '../function-configuration/function-configuration-answer.ts';
import { failureReason } from '../function-configuration/function-state.ts';
import { refuseUnsupported } from '../function-configuration/unsupported-settings.ts';
import { nameUnqualifiedFunction } from '../named-function.ts';
import type { Operation, OperationServices } from '../operation.ts';
import type { FunctionKey } from '../stores/function-store.ts';

/** CreateFunction: answers Pending, as Lambda does; the function is active once its code's image is built, mostly before the client has the answer. */
export const createFunction: Operation<CreateFunctionRequest> = async (services, call) => {
  const { input, accountId } = call;
  const { limits, region } = services;
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'CreateFunction', functionName: input.FunctionName });
  checkNewName(key.functionName, limits.maxFunctionNameLength);
  const isolation = checkTags(input.Tags, limits);
  checkArchitectures(services, input.Architectures);
  // ORDER: before the code is fetched, which takes its time.
  refuseUnsupported({ ...input, FunctionName: key.functionName }, input.Runtime ?? '');
  if ((await services.functions.find(key, latestVersion)) !== undefined || services.changes.isRunning(key)) throw alreadyExists(key.functionName);
  const signing = await signingOf(services, accountId, input.CodeSigningConfigArn);
  const archive = await receivedZip(services, input.Code ?? {}, { accountId: call.caller.accountId, what: 'function' });
  const stored = await services.code.hold(accountId, async () => {
    const configuration = await applyConfiguration(services, {
      ...key,
      caller: call.caller,
      input: { ...input, FunctionName: key.functionName },
      isolation,
      current: undefined,
    });
    checkUnpackedSize(0, configuration.layers, limits);
    const work = creation(services, { key, archive, configuration, tags: input.Tags ?? {}, publish: input.Publish === true, signing });
    return services.changes.performLong(key, work).catch((error: unknown) => {
      const isTaken =
        error instanceof CloisterError ? error.code === 'Conflict' : error instanceof ApiError && error.type === 'ResourceConflictException';
      throw isTaken ? alreadyExists(key.functionName) : error;
    });
  });
  const qualifier = stored.version === latestVersion ? undefined : stored.version;
  return { body: functionConfigurationAnswer(stored, { region, qualifier, status: stored.status ?? { state: 'Pending' } }) };
};

interface Creation {
  readonly key: FunctionKey;
  readonly archive: Uint8Array;
  readonly configuration: FunctionConfiguration;
  readonly tags: Readonly<Record<string, string>>;
  readonly publish: boolean;
  readonly signing: CodeSigningConfig | undefined;
}

/** What builds the image and stores the function; when that takes long the function is there first, without code that could run. */
function creation(services: OperationServices, { key, archive, configuration, tags, publish, signing }: Creation): ChangeWork<FunctionRecord> {
  const { limits, functions } = services;
  const record = (code: CodeArtifact): FunctionRecord => ({
    ...key,
    version: latestVersion,
    revisionId: randomUUID(),
    lastModified: new Date(services.clock()).toISOString(),
    configuration,
    code,
  });
  const maxUnpackedBytes = limits.unzippedBytesBelow - 1 - unpackedLayerBytes(configuration.layers);
  const options = { tags, publish: publish ? {} : undefined, codeSigningConfigId: signing?.id };
  return {
    mark: () => functions.create({ ...record(codeWithoutImage(archive)), status: { state: 'Pending' } }, { ...options, publish: undefined }),
    run: (marked) =>
      services.code.build({ accountId: key.accountId, archive, maxUnpackedBytes }, async (code) => {
        const pending = await marked();
        return pending === undefined
          ? functions.create(record(code), options)
          : functions.replaceLatest(record(code), { expectedRevisionId: pending.revisionId, publish: options.publish });
      }),
    fail: ({ revisionId }, error) =>
      functions.setStatus(key, failedStatus('Pending', failureReason(error, limits)), { expectedRevisionId: revisionId }),
  };
}

async function signingOf(services: OperationServices, accountId: string, arn = ''): Promise<CodeSigningConfig | undefined> {
  if (arn === '') return undefined;
  const config = await codeSigningConfigToUse(services, accountId, arn);
  checkCodeSignature(config);
  return config;
}

function checkNewName(functionName: string, maxLength: number): void {
  if (functionName.length > maxLength) {
    throw invalidParameter(
      `1 validation error detected: Value '${functionName}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to ${maxLength}`,
    );
  }
}

function alreadyExists(functionName: string): ApiError {
  return new ApiError('ResourceConflictException', `Function already exist: ${functionName}`);
}
