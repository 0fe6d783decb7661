/** How long an execution environment is kept. */
export interface EnvironmentLifetime {
  /** It ends once it was idle for so long. */
  readonly idleTimeoutMs: number;
  /** Counted from when it was made: past it, it serves no new invocation. */
  readonly maxAgeMs: number;
}

/** The administrator's word. Keys of `functions` are `account/function`; they go before their account's, those before the default. */
export interface LifetimeSettings {
  readonly default: EnvironmentLifetime;
  readonly accounts: Readonly<Record<string, LifetimeChange>>;
  readonly functions: Readonly<Record<string, LifetimeChange>>;
}

/** What is not named stays. */
interface LifetimeChange {
  readonly idleTimeoutMs?: number | undefined;
  readonly maxAgeMs?: number | undefined;
}

/** The lifetime of one function's environments. */
export function lifetimeOf(
  settings: LifetimeSettings,
  { accountId, functionName }: { readonly accountId: string; readonly functionName: string },
): EnvironmentLifetime {
  const ofFunction = settings.functions[`${accountId}/${functionName}`];
  const ofAccount = settings.accounts[accountId];
  return {
    idleTimeoutMs: ofFunction?.idleTimeoutMs ?? ofAccount?.idleTimeoutMs ?? settings.default.idleTimeoutMs,
    maxAgeMs: ofFunction?.maxAgeMs ?? ofAccount?.maxAgeMs ?? settings.default.maxAgeMs,
  };
}
