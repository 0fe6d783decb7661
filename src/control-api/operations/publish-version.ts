import type { PublishVersionRequest } from '@aws-sdk/client-lambda';
import { invalidParameter } from '../api-error.ts';
import { functionConfigurationAnswer, toBase64 } from '../function-configuration/function-configuration-answer.ts';
import { expectNoUpdate } from '../function-configuration/function-state.ts';
import { checkRevision, findFunction, nameUnqualifiedFunction } from '../named-function.ts';
import type { Operation } from '../operation.ts';

/** PublishVersion: an immutable copy of `$LATEST`; the last one again when nothing changed since. */
export const publishVersion: Operation<PublishVersionRequest> = async (services, { input, accountId }) => {
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'PublishVersion', functionName: input.FunctionName });
  if (Object.hasOwn(input, 'PublishTo')) throw invalidParameter('PublishTo is not supported by Cloister yet.');
  const latest = await findFunction(services, { key, qualifier: undefined });
  checkRevision(latest, input.RevisionId);
  services.changes.expectNone(key);
  expectNoUpdate(latest, services.region);
  const codeSha256 = toBase64(latest.code.archiveDigest);
  if (input.CodeSha256 !== undefined && input.CodeSha256 !== '' && input.CodeSha256 !== codeSha256) {
    throw invalidParameter(
      `CodeSHA256 (${input.CodeSha256}) is different from current CodeSHA256 in $LATEST (${codeSha256}). Please try again with the CodeSHA256 in $LATEST.`,
    );
  }
  const published = await services.functions.publish(key, { description: input.Description, expectedRevisionId: latest.revisionId });
  return { body: functionConfigurationAnswer(published, { region: services.region, qualifier: published.version }) };
};
