import { randomUUID } from 'node:crypto';
import type { UpdateFunctionCodeRequest, UpdateFunctionConfigurationRequest } from '@aws-sdk/client-lambda';
import { latestVersion } from '../../functions/arn.ts';
import type { CodeArtifact, FunctionRecord } from '../../functions/function-record.ts';
import type { FunctionStatus } from '../../functions/function-status.ts';
import { failedStatus } from '../../functions/function-status.ts';
import { invalidParameter } from '../api-error.ts';
import { checkCodeSignatureOf } from '../code/code-signing.ts';
import { receivedZip } from '../code/uploaded-code.ts';
import { applyConfiguration, checkArchitectures, checkUnpackedSize, unpackedLayerBytes } from '../function-configuration/configuration-checks.ts';
import type { ChangeWork } from '../function-configuration/function-changes.ts';
import { functionConfigurationAnswer } from '../function-configuration/function-configuration-answer.ts';
import { expectNoUpdate, failureReason } from '../function-configuration/function-state.ts';
import { checkRevision, findFunction, nameUnqualifiedFunction } from '../named-function.ts';
import type { Operation, OperationServices } from '../operation.ts';
import type { PublishOptions } from '../stores/function-store.ts';

/** UpdateFunctionCode: `$LATEST` gets another image; environments of the old one end after what they run. */
export const updateFunctionCode: Operation<UpdateFunctionCodeRequest> = async (services, { input, accountId, caller }) => {
  const { region } = services;
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'UpdateFunctionCode', functionName: input.FunctionName });
  const current = await findFunction(services, { key, qualifier: undefined });
  checkRevision(current, input.RevisionId);
  checkArchitectures(services, input.Architectures);
  if (Object.hasOwn(input, 'PublishTo')) throw invalidParameter('PublishTo is not supported by Cloister yet.');
  services.changes.expectNone(key);
  // Code is what a function that could not be created lacks.
  if (current.status?.state !== 'Failed') expectNoUpdate(current, region);
  await checkCodeSignatureOf(services, key);
  const archive = await receivedZip(services, input, { accountId: caller.accountId, what: 'function' });
  if (input.DryRun === true) return { body: functionConfigurationAnswer(await dryRun(services, current, archive), { region }) };
  const publish = input.Publish === true;
  const stored = await services.changes.performLong(key, codeChange(services, { current, archive, publish }));
  return { body: updateAnswer(services, stored) };
};

/** UpdateFunctionConfiguration: what the request does not name stays. */
export const updateFunctionConfiguration: Operation<UpdateFunctionConfigurationRequest> = async (services, { input, accountId, caller }) => {
  const { limits, region } = services;
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'UpdateFunctionConfiguration', functionName: input.FunctionName });
  const current = await findFunction(services, { key, qualifier: undefined });
  checkRevision(current, input.RevisionId);
  services.changes.expectNone(key);
  expectNoUpdate(current, region);
  if ((input.Layers ?? []).length > 0) await checkCodeSignatureOf(services, key);
  const { isolation } = current.configuration;
  const stored = await services.code.hold(accountId, async () => {
    const configuration = await applyConfiguration(services, { ...key, caller, input, isolation, current: current.configuration });
    checkUnpackedSize(current.code.unpackedBytes, configuration.layers, limits);
    return services.changes.perform(key, () => replaceLatest(services, current, { configuration }));
  });
  services.invoker.retire({ ...key, version: latestVersion });
  services.code.sweep(accountId);
  return { body: updateAnswer(services, stored) };
};

/** An update is answered as being under way, as Lambda does; clients wait for its end, which mostly was before the answer. */
function updateAnswer({ region }: OperationServices, stored: FunctionRecord) {
  if (stored.version !== latestVersion) return functionConfigurationAnswer(stored, { region, qualifier: stored.version });
  return functionConfigurationAnswer(stored, { region, status: { state: 'Active', lastUpdate: 'InProgress' } });
}

/** Finds out whether the code could be used, and keeps none of it. */
async function dryRun(services: OperationServices, current: FunctionRecord, archive: Uint8Array): Promise<FunctionRecord> {
  const { accountId } = current;
  try {
    return await services.code.build({ accountId, archive, maxUnpackedBytes: maxCodeBytes(services, current) }, async (code) => ({
      ...current,
      code,
    }));
  } finally {
    services.code.sweep(accountId);
  }
}

/** What builds the new image and puts it in the old one's place; when that takes long the old one serves on, and is said to be replaced. */
function codeChange(
  services: OperationServices,
  { current, archive, publish }: { current: FunctionRecord; archive: Uint8Array; publish: boolean },
): ChangeWork<FunctionRecord> {
  const { functions, invoker, limits } = services;
  const { accountId, functionName, revisionId } = current;
  const key = { accountId, functionName };
  const mayFail = current.status?.state === 'Failed' ? ('Pending' as const) : ('InProgress' as const);
  const during: FunctionStatus = mayFail === 'Pending' ? { state: 'Pending' } : { state: 'Active', lastUpdate: 'InProgress' };
  return {
    mark: async () => {
      await functions.setStatus(key, during, { expectedRevisionId: revisionId });
      return { ...current, status: during };
    },
    run: async (marked) => {
      const stored = await services.code.build({ accountId, archive, maxUnpackedBytes: maxCodeBytes(services, current) }, async (code) => {
        await marked();
        return replaceLatest(services, current, { code, publish: publish ? {} : undefined });
      });
      invoker.retire({ ...key, version: latestVersion });
      // What was replaced is perhaps needed by nothing any more.
      services.code.sweep(accountId);
      return stored;
    },
    fail: (_marked, error) => functions.setStatus(key, failedStatus(mayFail, failureReason(error, limits)), { expectedRevisionId: revisionId }),
  };
}

function maxCodeBytes({ limits }: OperationServices, { configuration }: FunctionRecord): number {
  return limits.unzippedBytesBelow - 1 - unpackedLayerBytes(configuration.layers);
}

function replaceLatest(
  services: OperationServices,
  current: FunctionRecord,
  change: { code?: CodeArtifact; configuration?: FunctionRecord['configuration']; publish?: PublishOptions | undefined },
): Promise<FunctionRecord> {
  const { status: _ended, ...kept } = current;
  const replaced: FunctionRecord = {
    ...kept,
    revisionId: randomUUID(),
    lastModified: new Date(services.clock()).toISOString(),
    configuration: change.configuration ?? current.configuration,
    code: change.code ?? current.code,
  };
  return services.functions.replaceLatest(replaced, { expectedRevisionId: current.revisionId, publish: change.publish });
}
