import { CloisterError } from '../errors.ts';
import type { FunctionVersion } from '../functions/function-version.ts';

/**
 * Whose an environment is, from its claim to its end: one function version at one revision and, with tenant isolation, one tenant id.
 * SECURITY: the private member makes the type nominal: an owner comes from `of`, which derives everything that is compared, and from nowhere else.
 */
export class EnvironmentOwner {
  readonly function: FunctionVersion;
  readonly tenantId: string | undefined;
  readonly #key: string;

  private constructor(fn: FunctionVersion, tenantId: string | undefined) {
    this.function = fn;
    this.tenantId = tenantId;
    // JSON keeps the parts apart, whatever characters they have.
    this.#key = JSON.stringify([fn.accountId, fn.functionName, fn.version, fn.revisionId, tenantId ?? null]);
  }

  /** Throws `Internal` for a function with tenant isolation and no tenant id, and for one without and a tenant id. */
  static of(fn: FunctionVersion, tenantId?: string): EnvironmentOwner {
    if ((fn.tenantIsolationMode === 'PER_TENANT') !== (tenantId !== undefined))
      throw new CloisterError('Internal', 'a tenant id belongs to functions with tenant isolation, and to no others', { operation: 'name owner' });
    return new EnvironmentOwner(fn, tenantId);
  }

  /** Equal for owners that may share an environment. */
  get key(): string {
    return this.#key;
  }

  /** Whether this and the other may share an environment. */
  is(other: EnvironmentOwner): boolean {
    return this.#key === other.#key;
  }
}
