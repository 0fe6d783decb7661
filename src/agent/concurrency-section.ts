import { z } from 'zod';
import type { ConcurrencySettings } from '../functions/concurrency-settings.ts';
import { accountId } from './messages.ts';

const executions = z.int().min(0).max(1_000_000);

/** The `concurrency` section of the host's configuration: what accounts may run at once, and how fast. */
export const concurrencySection = z
  .strictObject({
    /** @default what the host's memory holds of started runtimes, at most as many as there are slots */
    default: executions.min(1).optional(),
    accounts: z
      .record(accountId, executions)
      .refine((accounts) => Object.keys(accounts).length <= 500, { message: 'names more than 500 accounts' })
      .prefault({}),
    scalingRate: z
      .strictObject({
        /** @default 100 for each processor, at most Lambda's 1,000 */
        environments: z.int().min(1).max(1_000_000).optional(),
        refillTimeMs: z.int().min(1).max(3_600_000).default(10_000),
      })
      .prefault({}),
    requestsPerSecond: z.int().min(1).max(1_000_000).default(10_000),
    maxWaitMs: z.int().min(0).max(60_000).default(1_000),
  })
  .prefault({});

export type ConcurrencySection = z.output<typeof concurrencySection>;

/** A runtime that has started holds about this much. */
const executionMiB = 64;
const environmentsPerProcessor = 100;
const lambdaScalingRate = 1_000;

/** What the daemon is told: the section, and for what it leaves open what follows from the host. */
export function concurrencySettingsOf(
  section: ConcurrencySection,
  host: { readonly memoryMiB: number; readonly processors: number; readonly maxEnvironments: number },
): ConcurrencySettings {
  const { scalingRate, requestsPerSecond, maxWaitMs, accounts } = section;
  const fitting = Math.max(1, Math.floor(host.memoryMiB / executionMiB));
  return {
    default: section.default ?? Math.min(fitting, host.maxEnvironments),
    accounts,
    scalingRate: {
      environments: scalingRate.environments ?? Math.min(lambdaScalingRate, environmentsPerProcessor * host.processors),
      refillTimeMs: scalingRate.refillTimeMs,
    },
    requestsPerSecond,
    maxWaitMs,
  };
}
