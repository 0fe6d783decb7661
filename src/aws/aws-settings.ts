import { z } from 'zod';

/** Services of AWS, or of what speaks like them, that the daemon calls. `events` is EventBridge. */
export const awsServices = ['s3', 'sqs', 'sns', 'events'] as const;

export type AwsService = (typeof awsServices)[number];

export const awsRegion = z.string().regex(/^[a-z0-9-]{1,32}$/);

export const awsCredentials = z.strictObject({
  accessKeyId: z.string().min(1).max(256),
  secretAccessKey: z.string().min(1).max(1_024),
  sessionToken: z.string().min(1).max(8_192).optional(),
});

/** `http` or `https`, a host, perhaps a port and a path. */
export const awsEndpoint = z.string().max(2_048).refine(isEndpoint, {
  message: 'must be http://HOST[:PORT] or https://HOST[:PORT], without a user, a query or an address of the cloud’s instance metadata',
});

export const awsSettings = z.strictObject({
  region: awsRegion,
  credentials: awsCredentials,
  /** S3 buckets are named in the path, not in the host name. */
  s3PathStyle: z.boolean(),
  /** By account, the buckets it may name; `*` at the end stands for any rest. */
  s3Buckets: z.record(z.string(), z.array(z.string())),
  endpoints: z.strictObject({
    s3: awsEndpoint.optional(),
    sqs: awsEndpoint.optional(),
    sns: awsEndpoint.optional(),
    events: awsEndpoint.optional(),
  }),
});

/** Where the daemon's outgoing calls go, and in whose name: the administrator's words, which the host agent passes on. */
export type AwsSettings = Readonly<z.output<typeof awsSettings>>;

/** The link-local ranges, where clouds serve instance metadata, and the address that AWS's has in IPv6. */
export function isMetadataAddress(address: string): boolean {
  const bare = address.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return /^(::ffff:)?169\.254\./.test(bare) || /^::ffff:a9fe:/.test(bare) || /^fe[89ab][0-9a-f]:/.test(bare) || bare === 'fd00:ec2::254';
}

function isEndpoint(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return false;
  return url.username === '' && url.password === '' && url.search === '' && url.hash === '' && !isMetadataAddress(url.hostname);
}
