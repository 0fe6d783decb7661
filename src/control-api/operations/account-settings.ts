import type { GetAccountSettingsRequest } from '@aws-sdk/client-lambda';
import type { Operation } from '../operation.ts';

/** GetAccountSettings: what this host grants an account, and what the account has. */
export const getAccountSettings: Operation<GetAccountSettingsRequest> = async (services, { accountId }) => {
  const { limits, functions, layers, settings } = services;
  return {
    body: {
      AccountLimit: {
        TotalCodeSize: limits.maxTotalCodeBytes,
        CodeSizeUnzipped: limits.unzippedBytesBelow,
        CodeSizeZipped: limits.maxZippedBytes,
        ConcurrentExecutions: limits.maxConcurrentExecutions,
        UnreservedConcurrentExecutions: limits.maxConcurrentExecutions - (await settings.totalReservedConcurrency(accountId)),
      },
      AccountUsage: {
        TotalCodeSize: (await functions.archiveBytes(accountId)) + (await layers.archiveBytes(accountId)),
        FunctionCount: await functions.count(accountId),
      },
    },
  };
};
