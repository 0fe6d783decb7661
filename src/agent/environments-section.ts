import { z } from 'zod';
import type { LifetimeSettings } from '../functions/environment-lifetime.ts';
import { accountId } from './messages.ts';
import { functionOfAccount } from './owner-keys.ts';

/** A week: timers of Node count milliseconds in 31 bits, which is less than 25 days. */
const seconds = z.int().min(1).max(604_800);
/** The daemon is told in one variable of its environment, which has a bound (execve(2), MAX_ARG_STRLEN). */
const maxNamed = 500;

const change = z.strictObject({ idleTimeoutSeconds: seconds.optional(), maxAgeSeconds: seconds.optional() });

/** The `environments` section of the host's configuration: how long execution environments are kept. */
export const environmentsSection = z
  .strictObject({
    /** Lambda does not name its own; it is seen to keep environments for some minutes. */
    idleTimeoutSeconds: seconds.default(900),
    maxAgeSeconds: seconds.default(28_800),
    accounts: z.record(accountId, change).prefault({}),
    /** Keys are `account/function`; they go before their account's. */
    functions: z.record(functionOfAccount, change).prefault({}),
  })
  .refine(({ accounts, functions }) => Object.keys(accounts).length + Object.keys(functions).length <= maxNamed, {
    message: `names more than ${maxNamed} accounts and functions`,
  })
  .prefault({});

export type EnvironmentsSection = z.output<typeof environmentsSection>;

/** What the daemon is told; `idleTimeoutMs` replaces the section's default. */
export function lifetimeSettingsOf(section: EnvironmentsSection, idleTimeoutMs: number | undefined): LifetimeSettings {
  const { idleTimeoutSeconds, maxAgeSeconds, accounts, functions } = section;
  return {
    default: { idleTimeoutMs: idleTimeoutMs ?? idleTimeoutSeconds * 1_000, maxAgeMs: maxAgeSeconds * 1_000 },
    accounts: Object.fromEntries(Object.entries(accounts).map(([key, value]) => [key, inMilliseconds(value)])),
    functions: Object.fromEntries(Object.entries(functions).map(([key, value]) => [key, inMilliseconds(value)])),
  };
}

function inMilliseconds({ idleTimeoutSeconds, maxAgeSeconds }: z.output<typeof change>) {
  return {
    ...(idleTimeoutSeconds === undefined ? {} : { idleTimeoutMs: idleTimeoutSeconds * 1_000 }),
    ...(maxAgeSeconds === undefined ? {} : { maxAgeMs: maxAgeSeconds * 1_000 }),
  };
}
