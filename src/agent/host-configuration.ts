import { existsSync, readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { CloisterError } from '../errors.ts';
import { type EgressPolicy, parseEgressPolicy } from '../isolation/network/egress-policy.ts';
import { awsSection } from './aws-section.ts';
import { concurrencySection } from './concurrency-section.ts';
import { environmentsSection } from './environments-section.ts';
import { accountId } from './messages.ts';
import { functionOfAccount } from './owner-keys.ts';

/** A token bucket as Firecracker has it; bytes for bandwidth, operations or packets for ops. */
const tokenBucket = z.strictObject({
  size: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
  refillTimeMs: z.int().min(1).max(3_600_000),
  oneTimeBurst: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
});
const rateLimiter = z.strictObject({ bandwidth: tokenBucket.optional(), ops: tokenBucket.optional() });

const egress = z.union([z.enum(['none', 'public']), z.array(z.string()).min(1).max(64)]).transform((value, context): EgressPolicy => {
  const policy = parseEgressPolicy(value);
  if (policy !== undefined) return policy;
  context.addIssue({ code: 'custom', message: 'must be "none", "public" or a list of public a.b.c.d/len or a.b.c.d/len:port' });
  return z.NEVER;
});

const mebibyte = 1_048_576;
const defaultNetwork = { bandwidth: { size: 64 * mebibyte, refillTimeMs: 1_000, oneTimeBurst: 64 * mebibyte } };
const defaultBlock = {
  bandwidth: { size: 128 * mebibyte, refillTimeMs: 1_000, oneTimeBurst: 512 * mebibyte },
  ops: { size: 8_192, refillTimeMs: 1_000, oneTimeBurst: 32_768 },
};

const configuration = z.strictObject({
  isolation: z
    .strictObject({
      /** Each account gets its own file of a runtime's image, and so its own pages of the page cache. */
      dedicatedRuntime: z.boolean().default(false),
      egress: z
        .strictObject({
          default: egress.prefault('none'),
          accounts: z.record(accountId, egress).prefault({}),
          /** Keys are `account/function`; they go before their account's. */
          functions: z.record(functionOfAccount, egress).prefault({}),
          /** Address of the resolver that functions with egress ask. @default the first of the host's resolv.conf */
          resolver: z.ipv4().optional(),
        })
        .prefault({}),
      rateLimits: z
        .strictObject({
          /** `rx`: towards the environment; `tx`: from it. */
          network: z.strictObject({ rx: rateLimiter.default(defaultNetwork), tx: rateLimiter.default(defaultNetwork) }).prefault({}),
          /** Of each device an environment reads or writes: its /tmp, and the images. */
          block: rateLimiter.default(defaultBlock),
        })
        .prefault({}),
    })
    .prefault({}),
  host: z
    .strictObject({
      /** Never given to environments: below it none starts, and idle ones end. */
      memoryReserveMiB: z.int().min(0).default(1_024),
      diskReserveMiB: z.int().min(0).default(2_048),
      /** How many times over the disk may be promised to volumes of /tmp; at 1 each has its blocks before it is given. */
      diskOvercommit: z.number().min(1).max(1_000).default(8),
      /** Of all accounts, whatever room there is: each also takes a link, an id range and entries of the kernel's tables. */
      maxEnvironments: z.int().min(1).max(1_000).default(1_000),
    })
    .prefault({}),
  environments: environmentsSection,
  concurrency: concurrencySection,
  /** Of functions that stream their response: Lambda's limits unless told otherwise. */
  responseStreams: z
    .strictObject({
      maxBytes: z.int().min(1).max(Number.MAX_SAFE_INTEGER).default(209_715_200),
      /** Of one response; null: none is held back. */
      bandwidth: tokenBucket
        .omit({ oneTimeBurst: true })
        .nullable()
        .default({ size: 6 * mebibyte, refillTimeMs: 3_000 }),
    })
    .prefault({}),
  aws: awsSection.optional(),
});

/** What the host's administrator decides, and neither the daemon nor a function can change. */
export type HostConfiguration = Readonly<z.output<typeof configuration>>;

/**
 * Reads `config.json` of the data directory, or takes the defaults where there is none. Throws `HostUnfit` that names the field.
 * SECURITY: it grants egress, so it must be root's and nobody else's to write.
 */
export function readHostConfiguration(path: string): HostConfiguration {
  if (!existsSync(path)) return configuration.parse({});
  const { uid, mode } = statSync(path);
  if (uid !== 0 || (mode & 0o022) !== 0) throw refusal(path, 'it must belong to root and be writable by root alone');
  const host = parseHostConfiguration(readFileSync(path, 'utf8'), path);
  if (host.aws?.credentials !== undefined && (mode & 0o077) !== 0)
    throw refusal(path, 'aws.credentials holds keys, so it must be readable by root alone');
  return host;
}

/** Reads a configuration's text; `path` is for the error. */
export function parseHostConfiguration(text: string, path: string): HostConfiguration {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refusal(path, 'it is not JSON', cause);
  }
  const parsed = configuration.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw refusal(path, `${issue?.path.join('.') || 'the whole'}: ${issue?.message ?? 'not valid'}`, parsed.error);
}

/** The policy of one function: its own, else its account's, else the default. */
export function egressPolicyOf(host: HostConfiguration, owner: { readonly accountId: string; readonly functionName: string }): EgressPolicy {
  const { functions, accounts, default: fallback } = host.isolation.egress;
  return functions[`${owner.accountId}/${owner.functionName}`] ?? accounts[owner.accountId] ?? fallback;
}

/** Whether any policy lets anything out. */
export function grantsEgress(host: HostConfiguration): boolean {
  const { functions, accounts, default: fallback } = host.isolation.egress;
  return [fallback, ...Object.values(accounts), ...Object.values(functions)].some(({ kind }) => kind !== 'none');
}

function refusal(path: string, reason: string, cause?: unknown): CloisterError {
  return new CloisterError('HostUnfit', `the configuration ${path} cannot be used: ${reason}`, { operation: 'read configuration', path, cause });
}
