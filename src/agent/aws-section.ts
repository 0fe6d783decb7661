import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import type { AwsSettings } from '../aws/aws-settings.ts';
import { awsCredentials, awsEndpoint, awsRegion } from '../aws/aws-settings.ts';
import { CloisterError } from '../errors.ts';
import { parseCredentials } from '../functions/credentials-text.ts';

const service = z.strictObject({ endpoint: awsEndpoint });

/** The `aws` section of the host's configuration: where the daemon's own calls to S3, SQS, SNS and EventBridge go. */
export const awsSection = z
  .strictObject({
    /** @default the daemon's own region */
    region: awsRegion.optional(),
    credentials: awsCredentials.optional(),
    /** In AWS's format, and root's alone. */
    credentialsFile: z.string().startsWith('/').max(4_096).optional(),
    profile: z.string().min(1).max(128).default('default'),
    s3: service
      .extend({
        pathStyle: z.boolean().default(true),
        /** The buckets that accounts beside the first may name; a `*` at the end stands for any rest. */
        buckets: z.record(z.string().regex(/^\d{12}$/), z.array(z.string().regex(/^[0-9A-Za-z._-]{1,63}\*?$/)).max(256)).default({}),
      })
      .optional(),
    sqs: service.optional(),
    sns: service.optional(),
    events: service.optional(),
  })
  .refine(({ credentials, credentialsFile }) => credentials === undefined || credentialsFile === undefined, {
    message: 'credentials and credentialsFile exclude each other',
  })
  .refine((section) => !namesEndpoint(section) || section.credentials !== undefined || section.credentialsFile !== undefined, {
    message: 'an endpoint needs credentials or credentialsFile: no other place is searched for keys',
  });

export type AwsSection = z.output<typeof awsSection>;

/**
 * What the daemon is told, with the keys read from their file; undefined when no service has an endpoint. Throws `HostUnfit` that names the file.
 * SECURITY: the file's keys open more than this host, so it must be root's and nobody else's to read.
 */
export function awsSettingsOf(section: AwsSection | undefined, defaultRegion: string): AwsSettings | undefined {
  if (section === undefined || !namesEndpoint(section)) return undefined;
  const { s3, sqs, sns, events } = section;
  return {
    region: section.region ?? defaultRegion,
    credentials: section.credentials ?? readKeys(section.credentialsFile ?? '', section.profile),
    s3PathStyle: s3?.pathStyle ?? true,
    s3Buckets: s3?.buckets ?? {},
    endpoints: {
      ...(s3 === undefined ? {} : { s3: s3.endpoint }),
      ...(sqs === undefined ? {} : { sqs: sqs.endpoint }),
      ...(sns === undefined ? {} : { sns: sns.endpoint }),
      ...(events === undefined ? {} : { events: events.endpoint }),
    },
  };
}

function namesEndpoint({ s3, sqs, sns, events }: { readonly [S in 's3' | 'sqs' | 'sns' | 'events']?: unknown }): boolean {
  return [s3, sqs, sns, events].some((named) => named !== undefined);
}

function readKeys(path: string, profile: string): AwsSettings['credentials'] {
  let text: string;
  try {
    const { uid, mode } = statSync(path);
    if (uid !== 0 || (mode & 0o077) !== 0) throw refusal(path, 'it must belong to root and be readable by root alone');
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof CloisterError) throw cause;
    throw refusal(path, 'it cannot be read', cause);
  }
  const keys = parseCredentials(text).get(profile);
  if (keys === undefined) throw refusal(path, `it has no profile ${profile} with aws_access_key_id and aws_secret_access_key`);
  return keys;
}

function refusal(path: string, reason: string, cause?: unknown): CloisterError {
  return new CloisterError('HostUnfit', `the file of aws.credentialsFile, ${path}, cannot be used: ${reason}`, {
    operation: 'read configuration',
    path,
    cause,
  });
}
