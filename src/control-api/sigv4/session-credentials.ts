import { randomBytes, timingSafeEqual } from 'node:crypto';
import { makeAccessKeyId, makeSecretAccessKey } from '../stores/access-key-directory.ts';

/** Temporary credentials as an execution environment gets them. */
export interface SessionCredential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

interface Session extends SessionCredential {
  readonly environmentId: string;
  readonly accountId: string;
}

const maxRememberedRevocations = 10_000;

/** The credentials of running execution environments, in memory only: they end with the environment, or with the daemon. */
export class SessionCredentials {
  readonly #byAccessKeyId = new Map<string, Session>();
  readonly #byEnvironment = new Map<string, string>();
  readonly #revoked = new Set<string>();

  /** Makes an environment's credentials; an earlier set of the same environment ends. */
  issue(environmentId: string, accountId: string): SessionCredential {
    this.revoke(environmentId);
    const credential = {
      accessKeyId: makeAccessKeyId('ASIA'),
      secretAccessKey: makeSecretAccessKey(),
      sessionToken: randomBytes(192).toString('base64'),
    };
    this.#byAccessKeyId.set(credential.accessKeyId, { ...credential, environmentId, accountId });
    this.#byEnvironment.set(environmentId, credential.accessKeyId);
    return credential;
  }

  revoke(environmentId: string): void {
    const accessKeyId = this.#byEnvironment.get(environmentId);
    if (accessKeyId === undefined) return;
    this.#byEnvironment.delete(environmentId);
    this.#byAccessKeyId.delete(accessKeyId);
    if (this.#revoked.size >= maxRememberedRevocations) this.#revoked.delete(this.#revoked.values().next().value as string);
    this.#revoked.add(accessKeyId);
  }

  /** The session of a key whose token is the right one. */
  find(accessKeyId: string, sessionToken: string): Session | undefined {
    const session = this.#byAccessKeyId.get(accessKeyId);
    if (session === undefined) return undefined;
    const expected = Buffer.from(session.sessionToken);
    const given = Buffer.from(sessionToken);
    return expected.length === given.length && timingSafeEqual(expected, given) ? session : undefined;
  }

  /** True for a key that was valid once and ended with its environment. */
  hasEnded(accessKeyId: string): boolean {
    return this.#revoked.has(accessKeyId);
  }
}
