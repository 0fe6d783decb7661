import type { LastUpdateStatusReasonCode } from '@aws-sdk/client-lambda';
import { CloisterError } from '../../errors.ts';
import { formatFunctionArn } from '../../functions/arn.ts';
import type { FunctionRecord } from '../../functions/function-record.ts';
import type { FunctionStatus, StatusReason } from '../../functions/function-status.ts';
import type { FunctionLimits } from '../../functions/limits.ts';
import { ApiError } from '../api-error.ts';
import { answerError } from '../internal-error-answers.ts';

/** Lambda sends this code for updates, too; the SDK's type does not know it there. */
const updating = 'Creating' as unknown as LastUpdateStatusReasonCode;

/** The state members of a function's configuration, which every answer about one version has. */
export function stateMembers(status: FunctionStatus | undefined) {
  if (status === undefined) return { State: 'Active' as const, LastUpdateStatus: 'Successful' as const };
  switch (status.state) {
    case 'Pending':
      return { State: status.state, StateReason: 'The function is being created.', StateReasonCode: 'Creating' as const };
    case 'Failed':
      return { State: status.state, StateReason: status.reason, StateReasonCode: status.reasonCode, LastUpdateStatus: 'Failed' as const };
    case 'Active':
      return {
        State: status.state,
        LastUpdateStatus: status.lastUpdate,
        ...(status.lastUpdate === 'Failed'
          ? { LastUpdateStatusReason: status.reason, LastUpdateStatusReasonCode: status.reasonCode }
          : { LastUpdateStatusReason: 'The function is being created.', LastUpdateStatusReasonCode: updating }),
      };
  }
}

/** Throws Lambda's ResourceConflictException for a function that is not there yet, or never was. */
export function expectUsable(state: FunctionStatus['state'] | undefined): void {
  if (state === undefined || state === 'Active') return;
  throw new ApiError(
    'ResourceConflictException',
    `The operation cannot be performed at this time. The function is currently in the following state: ${state}`,
  );
}

/** As `expectUsable`; and that no update was marked which has not ended. */
export function expectNoUpdate(record: FunctionRecord, region: string): void {
  expectUsable(record.status?.state);
  if (record.status?.state !== 'Active' || record.status.lastUpdate !== 'InProgress') return;
  const { accountId, functionName } = record;
  const arn = formatFunctionArn({ region, accountId, functionName });
  throw new ApiError('ResourceConflictException', `The operation cannot be performed at this time. An update is in progress for resource: ${arn}`);
}

/** Why work on a function's code failed, in what a client may read. */
export function failureReason(error: unknown, limits: FunctionLimits): StatusReason {
  const { answer } = answerError(error, limits);
  const isCode = error instanceof CloisterError && ['ArchiveInvalid', 'ArchiveRefused', 'ArchiveTooLarge'].includes(error.code);
  return { reason: answer.message, reasonCode: isCode ? 'InvalidZipFileException' : 'InternalError' };
}
