import type { GetAccountSettingsRequest } from '@aws-sdk/client-lambda';
import { accountConcurrency } from '../../functions/concurrency-settings.ts';
import type { Operation } from '../operation.ts';

/** GetAccountSettings: what this host grants an account, and what the account has. */
export const getAccountSettings: Operation<GetAccountSettingsRequest> = async (services, { accountId }) => {
  const { limits, functions, layers, settings, concurrency } = services;
  const { total } = accountConcurrency(concurrency, accountId);
  return {
    body: {
      AccountLimit: {
        TotalCodeSize: limits.maxTotalCodeBytes,
        CodeSizeUnzipped: limits.unzippedBytesBelow,
        CodeSizeZipped: limits.maxZippedBytes,
        ConcurrentExecutions: total,
        UnreservedConcurrentExecutions: total - (await settings.totalReservedConcurrency(accountId)),
      },
      AccountUsage: {
        TotalCodeSize: (await functions.archiveBytes(accountId)) + (await layers.archiveBytes(accountId)),
        FunctionCount: await functions.count(accountId),
      },
    },
  };
};
