import { z } from 'zod';
import { awsSettings } from '../aws/aws-settings.ts';
import { CloisterError } from '../errors.ts';

const lifetime = z.strictObject({ idleTimeoutMs: z.int().min(1), maxAgeMs: z.int().min(1) });

const configuration = z.strictObject({
  listenHost: z.string().min(1).max(255),
  /** 0 picks a free one. */
  listenPort: z.int().min(0).max(65_535),
  region: z.string().regex(/^[a-z0-9-]{1,32}$/),
  /** Only `db`, `logs` and `archives` in it are the daemon's to write. */
  dataDirectory: z.string().startsWith('/'),
  agentControl: z.int().min(3),
  agentDescriptors: z.int().min(3),
  /** How long environments are kept. */
  lifetimes: z.strictObject({
    default: lifetime,
    accounts: z.record(z.string(), lifetime.partial()),
    functions: z.record(z.string(), lifetime.partial()),
  }),
  maxEnvironments: z.int().min(1),
  /** What accounts may run at once, and how fast. */
  concurrency: z.strictObject({
    default: z.int().min(1),
    accounts: z.record(z.string(), z.int().min(0)),
    scalingRate: z.strictObject({ environments: z.int().min(1), refillTimeMs: z.int().min(1) }),
    requestsPerSecond: z.int().min(1),
    maxWaitMs: z.int().min(0),
  }),
  shutdownGraceMs: z.int().min(0),
  responseStreams: z.strictObject({
    maxBytes: z.int().min(1),
    /** Of each response; null: nothing is held back. */
    bandwidth: z.strictObject({ size: z.int().min(1), refillTimeMs: z.int().min(1) }).nullable(),
  }),
  aws: awsSettings.optional(),
});

/** What the host agent tells the daemon at its start. */
export type DaemonConfiguration = Readonly<z.infer<typeof configuration>>;

/** Reads the configuration from the environment variable `CLOISTER_DAEMON`. */
export function readConfiguration(variables: Readonly<Record<string, string | undefined>>): DaemonConfiguration {
  const operation = 'read daemon configuration';
  const text = variables['CLOISTER_DAEMON'];
  if (text === undefined) throw new CloisterError('BadMessage', 'CLOISTER_DAEMON is not set: the host agent starts the daemon', { operation });
  try {
    return configuration.parse(JSON.parse(text));
  } catch (cause) {
    throw new CloisterError('BadMessage', 'CLOISTER_DAEMON does not hold a configuration', { operation, cause });
  }
}
