import type { Clock, ScheduledTask } from '../environment/clock.ts';
import type { EnvironmentOwner } from '../environment/environment-owner.ts';
import type { ExecutionEnvironment } from '../environment/execution-environment.ts';
import type { EnvironmentPool } from '../environment/pool/environment-pool.ts';
import { CloisterError } from '../errors.ts';
import type { FunctionVersion } from '../functions/function-version.ts';

/** What is to be kept ready for one version or alias; an alias may have two versions. */
export interface ProvisionedTarget {
  readonly qualifier: string;
  readonly parts: readonly { readonly function: FunctionVersion; readonly executions: number }[];
}

/** How far that is. */
export interface ProvisionedStatus {
  readonly ready: number;
  readonly status: 'IN_PROGRESS' | 'READY' | 'FAILED';
  readonly reason?: string;
}

/** The environments that are made ahead, as the control API sees them. */
export interface Provisioning {
  /** What is to be kept ready of a function from now on, all of it. */
  set(name: { readonly accountId: string; readonly functionName: string }, targets: readonly ProvisionedTarget[]): void;
  status(name: { readonly accountId: string; readonly functionName: string }, qualifier: string): ProvisionedStatus;
}

export interface ProvisionerOptions {
  readonly pool: Pick<EnvironmentPool<ExecutionEnvironment>, 'provide' | 'provided' | 'withdraw'>;
  readonly clock: Clock;
  /** Makes the owner of a version's environments. */
  readonly ownerOf: (fn: FunctionVersion) => EnvironmentOwner;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

/** Environments of one version. */
interface Stock {
  /** The version as it is now: its reservation may change. */
  owner: EnvironmentOwner;
  wanted: number;
  making: number;
  /** Failures in a row. */
  failures: number;
  reason: string | undefined;
  retry: ScheduledTask | undefined;
}

/** Of one version at once: cold starts share the processors with what serves. */
const concurrentMaking = 4;
const firstRetryMs = 1_000;
const longestRetryMs = 60_000;

/** Keeps as many environments made and initialised as were asked for, and makes others for those that end. */
export class Provisioner implements Provisioning {
  readonly #options: ProvisionerOptions;
  readonly #targets = new Map<string, readonly ProvisionedTarget[]>();
  readonly #stocks = new Map<string, Stock>();
  #isStopped = false;

  constructor(options: ProvisionerOptions) {
    this.#options = options;
  }

  set({ accountId, functionName }: { readonly accountId: string; readonly functionName: string }, targets: readonly ProvisionedTarget[]): void {
    const name = `${accountId}:${functionName}`;
    if (targets.length === 0) this.#targets.delete(name);
    else this.#targets.set(name, targets);
    for (const stock of this.#stocks.values()) {
      const { owner } = stock;
      if (owner.function.accountId === accountId && owner.function.functionName === functionName) stock.wanted = 0;
    }
    for (const { parts } of targets) {
      for (const { function: fn, executions } of parts) {
        const stock = this.#stock(this.#options.ownerOf(fn));
        stock.wanted += executions;
        // What failed before may go well with what was changed.
        this.#forgive(stock);
      }
    }
    for (const stock of this.#stocks.values()) this.#level(stock);
  }

  status({ accountId, functionName }: { readonly accountId: string; readonly functionName: string }, qualifier: string): ProvisionedStatus {
    const target = this.#targets.get(`${accountId}:${functionName}`)?.find((one) => one.qualifier === qualifier);
    let [ready, wanted] = [0, 0];
    let reason: string | undefined;
    for (const { function: fn, executions } of target?.parts ?? []) {
      const owner = this.#options.ownerOf(fn);
      ready += Math.min(executions, this.#options.pool.provided(owner));
      wanted += executions;
      reason ??= this.#stocks.get(owner.key)?.reason;
    }
    if (target !== undefined && ready >= wanted) return { ready, status: 'READY' };
    return reason === undefined ? { ready, status: 'IN_PROGRESS' } : { ready, status: 'FAILED', reason };
  }

  /** How many environments of a version are kept. */
  wanted({ accountId, functionName, version }: FunctionVersion): number {
    let executions = 0;
    for (const { parts } of this.#targets.get(`${accountId}:${functionName}`) ?? []) {
      for (const part of parts) if (part.function.version === version) executions += part.executions;
    }
    return executions;
  }

  /** What is kept of an account's functions that have no reservation: it is taken from what they share. */
  wantedUnreserved(accountId: string): number {
    let executions = 0;
    for (const { owner, wanted } of this.#stocks.values()) {
      if (owner.function.accountId === accountId && owner.function.reservedConcurrency === undefined) executions += wanted;
    }
    return executions;
  }

  /** One that was made ahead has ended. */
  ended(owner: EnvironmentOwner): void {
    const stock = this.#stocks.get(owner.key);
    if (stock !== undefined) this.#level(stock);
  }

  /** Makes no more. */
  stop(): void {
    this.#isStopped = true;
    for (const { retry } of this.#stocks.values()) retry?.cancel();
  }

  #stock(owner: EnvironmentOwner): Stock {
    const stock = this.#stocks.get(owner.key) ?? { owner, wanted: 0, making: 0, failures: 0, reason: undefined, retry: undefined };
    stock.owner = owner;
    this.#stocks.set(owner.key, stock);
    return stock;
  }

  #forgive(stock: Stock): void {
    stock.retry?.cancel();
    stock.retry = undefined;
    stock.failures = 0;
    stock.reason = undefined;
  }

  /** Ends what is too many, makes what is too few. */
  #level(stock: Stock): void {
    if (this.#isStopped) return;
    const { pool } = this.#options;
    const ready = pool.provided(stock.owner);
    if (ready > stock.wanted) pool.withdraw(stock.owner, ready - stock.wanted);
    if (stock.wanted === 0) {
      this.#forgive(stock);
      if (stock.making === 0) this.#stocks.delete(stock.owner.key);
      return;
    }
    if (stock.retry !== undefined) return;
    for (let missing = stock.wanted - ready - stock.making; missing > 0 && stock.making < concurrentMaking; missing -= 1) void this.#make(stock);
  }

  async #make(stock: Stock): Promise<void> {
    stock.making += 1;
    try {
      await this.#options.pool.provide(stock.owner);
      // While another of the same time has failed, its next attempt tells.
      if (stock.retry === undefined) this.#forgive(stock);
    } catch (error) {
      this.#failed(stock, error);
    } finally {
      stock.making -= 1;
    }
    this.#level(stock);
  }

  #failed(stock: Stock, error: unknown): void {
    const { clock, onProblem } = this.#options;
    if (this.#isStopped || stock.retry !== undefined) return;
    stock.reason = reasonOf(error);
    if (stock.failures === 0) onProblem('an environment could not be made ahead', error);
    stock.retry = clock.schedule(Math.min(firstRetryMs * 2 ** stock.failures, longestRetryMs), () => {
      stock.retry = undefined;
      this.#level(stock);
    });
    stock.failures = Math.min(stock.failures + 1, 16);
  }
}

/** In Lambda's words where it has any. */
function reasonOf(error: unknown): string {
  const code = error instanceof CloisterError ? error.code : 'Internal';
  if (code === 'InitFailed') return 'FUNCTION_ERROR_INIT_FAILURE';
  if (code === 'NoCapacity') return 'The host has no room for as many execution environments.';
  return 'The execution environments could not be made.';
}
