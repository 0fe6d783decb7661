/** Which publishers may sign code, and what becomes of code that none of them signed. */
export interface CodeSigningConfig {
  readonly accountId: string;
  /** `csc-` and 17 letters or digits. */
  readonly id: string;
  readonly description: string;
  readonly publishers: readonly string[];
  readonly untrustedCode: 'Warn' | 'Enforce';
  /** ISO 8601, UTC, milliseconds. */
  readonly lastModified: string;
}

const pattern = /^arn:aws[a-zA-Z-]*:lambda:(?<region>[a-z0-9-]+):(?<accountId>\d{12}):code-signing-config:(?<id>csc-[a-z0-9]{17})$/;

/** `arn:aws:lambda:REGION:ACCOUNT:code-signing-config:ID`. */
export function formatCodeSigningConfigArn(parts: { region: string; accountId: string; id: string }): string {
  return `arn:aws:lambda:${parts.region}:${parts.accountId}:code-signing-config:${parts.id}`;
}

/** The id that such an ARN names; undefined for one of another region or account, or for none. */
export function codeSigningConfigIdOf(arn: string, { region, accountId }: { region: string; accountId: string }): string | undefined {
  const groups = pattern.exec(arn)?.groups;
  return groups?.['region'] === region && groups['accountId'] === accountId ? groups['id'] : undefined;
}
