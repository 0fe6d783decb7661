/** Temporary credentials as a function finds them in its environment variables. */
export interface TemporaryCredentials {
  /** Begins with `ASIA`. */
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** Credentials of one environment, which end with it: never the account's own. */
export interface SessionCredentials {
  issue(environmentId: string, accountId: string): TemporaryCredentials;
  /** A second call, or one for an unknown id, does nothing. */
  revoke(environmentId: string): void;
}
