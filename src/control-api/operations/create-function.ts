import { randomUUID } from 'node:crypto';
import type { CreateFunctionRequest } from '@aws-sdk/client-lambda';
import { CloisterError } from '../../errors.ts';
import { latestVersion } from '../../functions/arn.ts';
import type { FunctionRecord } from '../../functions/function-record.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { applyConfiguration, checkArchitectures, checkTags, checkUnpackedSize, unpackedLayerBytes } from '../configuration-checks.ts';
import { functionConfigurationAnswer } from '../function-configuration-answer.ts';
import { nameUnqualifiedFunction } from '../named-function.ts';
import type { Operation } from '../operation.ts';
import { uploadedZip } from '../uploaded-code.ts';

/** CreateFunction: builds the code's image before it answers, so the function can be invoked at once. */
export const createFunction: Operation<CreateFunctionRequest> = async (services, call) => {
  const { input, accountId } = call;
  const { limits, region } = services;
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'CreateFunction', functionName: input.FunctionName });
  checkNewName(key.functionName, limits.maxFunctionNameLength);
  const isolation = checkTags(input.Tags, limits);
  checkArchitectures(services, input.Architectures);
  const archive = uploadedZip(input.Code ?? {}, 'function', limits);
  const stored = await services.code.hold(accountId, async () => {
    const configuration = await applyConfiguration(services, {
      ...key,
      caller: call.caller,
      input: { ...input, FunctionName: key.functionName },
      isolation,
      current: undefined,
    });
    checkUnpackedSize(0, configuration.layers, limits);
    if ((await services.functions.find(key, latestVersion)) !== undefined) throw alreadyExists(key.functionName);

    const maxUnpackedBytes = limits.unzippedBytesBelow - 1 - unpackedLayerBytes(configuration.layers);
    return services.code.build({ accountId, archive, maxUnpackedBytes }, (code) => {
      const record: FunctionRecord = {
        ...key,
        version: latestVersion,
        revisionId: randomUUID(),
        lastModified: new Date(services.clock()).toISOString(),
        configuration,
        code,
      };
      return services.functions
        .create(record, { tags: input.Tags ?? {}, publish: input.Publish === true ? {} : undefined })
        .catch((error: unknown) => {
          throw error instanceof CloisterError && error.code === 'Conflict' ? alreadyExists(key.functionName) : error;
        });
    });
  });
  const qualifier = stored.version === latestVersion ? undefined : stored.version;
  return { body: functionConfigurationAnswer(stored, { region, qualifier, state: 'Pending' }) };
};

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
