import { randomUUID } from 'node:crypto';
import type { UpdateFunctionCodeRequest, UpdateFunctionConfigurationRequest } from '@aws-sdk/client-lambda';
import { latestVersion } from '../../functions/arn.ts';
import type { CodeArtifact, FunctionRecord } from '../../functions/function-record.ts';
import { invalidParameter } from '../api-error.ts';
import { applyConfiguration, checkArchitectures, checkUnpackedSize, unpackedLayerBytes } from '../configuration-checks.ts';
import { functionConfigurationAnswer } from '../function-configuration-answer.ts';
import type { PublishOptions } from '../function-store.ts';
import { checkRevision, findFunction, nameUnqualifiedFunction } from '../named-function.ts';
import type { Operation, OperationServices } from '../operation.ts';
import { uploadedZip } from '../uploaded-code.ts';

/** UpdateFunctionCode: `$LATEST` gets another image; environments of the old one end after what they run. */
export const updateFunctionCode: Operation<UpdateFunctionCodeRequest> = async (services, { input, accountId }) => {
  const { limits, region } = services;
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'UpdateFunctionCode', functionName: input.FunctionName });
  const current = await findFunction(services, { key, qualifier: undefined });
  checkRevision(current, input.RevisionId);
  checkArchitectures(services, input.Architectures);
  if (Object.hasOwn(input, 'PublishTo')) throw invalidParameter('PublishTo is not supported by Cloister yet.');
  const archive = uploadedZip(input, 'function', limits);
  const maxUnpackedBytes = limits.unzippedBytesBelow - 1 - unpackedLayerBytes(current.configuration.layers);
  const publish = input.Publish === true ? {} : undefined;
  let changed = false;
  const stored = await services.code.build({ accountId, archive, maxUnpackedBytes }, async (code) => {
    if (input.DryRun === true) return { ...current, code };
    changed = true;
    return replaceLatest(services, current, { code, publish });
  });
  // What a dry run built is needed by nothing; what was replaced perhaps, too.
  services.code.sweep(accountId);
  if (changed) services.invoker.retire({ ...key, version: latestVersion });
  return { body: functionConfigurationAnswer(stored, { region, qualifier: stored.version === latestVersion ? undefined : stored.version }) };
};

/** UpdateFunctionConfiguration: what the request does not name stays. */
export const updateFunctionConfiguration: Operation<UpdateFunctionConfigurationRequest> = async (services, { input, accountId, caller }) => {
  const { limits, region } = services;
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'UpdateFunctionConfiguration', functionName: input.FunctionName });
  const current = await findFunction(services, { key, qualifier: undefined });
  checkRevision(current, input.RevisionId);
  const { isolation } = current.configuration;
  const stored = await services.code.hold(accountId, async () => {
    const configuration = await applyConfiguration(services, { ...key, caller, input, isolation, current: current.configuration });
    checkUnpackedSize(current.code.unpackedBytes, configuration.layers, limits);
    return replaceLatest(services, current, { configuration });
  });
  services.invoker.retire({ ...key, version: latestVersion });
  services.code.sweep(accountId);
  return { body: functionConfigurationAnswer(stored, { region }) };
};

function replaceLatest(
  services: OperationServices,
  current: FunctionRecord,
  change: { code?: CodeArtifact; configuration?: FunctionRecord['configuration']; publish?: PublishOptions | undefined },
): Promise<FunctionRecord> {
  const replaced: FunctionRecord = {
    ...current,
    revisionId: randomUUID(),
    lastModified: new Date(services.clock()).toISOString(),
    configuration: change.configuration ?? current.configuration,
    code: change.code ?? current.code,
  };
  return services.functions.replaceLatest(replaced, { expectedRevisionId: current.revisionId, publish: change.publish });
}
