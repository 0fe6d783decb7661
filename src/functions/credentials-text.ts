/** A profile's keys. */
export interface ProfileKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary keys. */
  readonly sessionToken?: string;
}

/** Reads a text in AWS's credentials format: the keys of each profile that has both. */
export function parseCredentials(text: string): ReadonlyMap<string, ProfileKeys> {
  const profiles = new Map<string, ProfileKeys>();
  for (const { name, lines } of credentialsSections(text)) {
    const value = (key: string) =>
      lines.map((line) => new RegExp(`^\\s*${key}\\s*=\\s*(\\S+)\\s*$`).exec(line)?.[1]).find((found) => found !== undefined);
    const accessKeyId = value('aws_access_key_id');
    const secretAccessKey = value('aws_secret_access_key');
    const sessionToken = value('aws_session_token');
    if (name === undefined || accessKeyId === undefined || secretAccessKey === undefined) continue;
    profiles.set(name, { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) });
  }
  return profiles;
}

/** The sections of such a text as they stand; what comes before the first has no name. */
export function credentialsSections(text: string): { readonly name: string | undefined; readonly lines: readonly string[] }[] {
  const found: { name: string | undefined; lines: string[] }[] = [{ name: undefined, lines: [] }];
  for (const line of text.split('\n')) {
    const name = /^\s*\[\s*([^\]]+?)\s*\]\s*$/.exec(line)?.[1];
    if (name === undefined) found.at(-1)?.lines.push(line);
    else found.push({ name, lines: [] });
  }
  return found;
}
