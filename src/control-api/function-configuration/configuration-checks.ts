import type { ConfiguredLayer, FunctionConfiguration } from '../../functions/function-record.ts';
import type { Isolation } from '../../functions/function-version.ts';
import type { FunctionLimits } from '../../functions/limits.ts';
import { reservedVariables } from '../../functions/reserved-variables.ts';
import type { PolicyCaller } from '../../functions/resource-policy.ts';
import { invalidParameter } from '../api-error.ts';
import { resolveLayers } from '../code/resolve-layers.ts';
import type { OperationServices } from '../operation.ts';
import { applyDeadLetterConfig } from './dead-letter-config.ts';
import { applyLoggingConfig } from './logging-config.ts';
import { type ConfigurationInput, refuseUnsupported } from './unsupported-settings.ts';

/** The tag that chooses how a function's environments are walled in. */
export const isolationTag = 'cloister:isolation';

/**
 * Lambda's own checks on a configuration, after those of the service model. Answers the whole configuration: what the input does not name
 * stays as in `current`, or gets Lambda's default.
 */
export async function applyConfiguration(
  services: OperationServices,
  options: {
    accountId: string;
    functionName: string;
    /** Who may use layers of other accounts. */
    caller: PolicyCaller;
    input: ConfigurationInput;
    isolation: Isolation;
    current: FunctionConfiguration | undefined;
  },
): Promise<FunctionConfiguration> {
  const { input, current, accountId } = options;
  const { limits } = services;
  const runtime = input.Runtime ?? current?.runtime;
  const handler = input.Handler ?? current?.handler;
  const role = input.Role ?? current?.role;
  if (runtime === undefined || handler === undefined || role === undefined) {
    throw invalidParameter('Runtime and Handler are mandatory parameters for functions created with deployment packages.');
  }
  refuseUnsupported(input, runtime);
  const memorySizeMiB = input.MemorySize ?? current?.memorySizeMiB ?? limits.defaultMemorySizeMiB;
  const timeoutSeconds = input.Timeout ?? current?.timeoutSeconds ?? limits.defaultTimeoutSeconds;
  const ephemeralStorageMiB = input.EphemeralStorage?.Size ?? current?.ephemeralStorageMiB ?? limits.defaultEphemeralStorageMiB;
  checkGranted('MemorySize', memorySizeMiB, limits.maxMemorySizeMiB);
  checkGranted('Timeout', timeoutSeconds, limits.maxTimeoutSeconds);
  checkGranted('EphemeralStorage', ephemeralStorageMiB, limits.maxEphemeralStorageMiB);
  const environment = input.Environment === undefined ? (current?.environment ?? {}) : { ...input.Environment.Variables };
  checkEnvironment(environment, limits);
  const deadLetterArn = applyDeadLetterConfig(services, { accountId, given: input.DeadLetterConfig?.TargetArn, current: current?.deadLetterArn });
  // Only a creation can ask for it: UpdateFunctionConfiguration has no such member.
  const tenantIsolationMode = current === undefined ? input.TenancyConfig?.TenantIsolationMode : current.tenantIsolationMode;
  return {
    runtime,
    runtimeDigest: runtime === current?.runtime ? current.runtimeDigest : await findRuntimeDigest(services, runtime),
    role,
    handler,
    description: input.Description ?? current?.description ?? '',
    timeoutSeconds,
    memorySizeMiB,
    ephemeralStorageMiB,
    environment,
    layers:
      input.Layers === undefined ? (current?.layers ?? []) : await resolveLayers(services, { caller: options.caller, accountId, arns: input.Layers }),
    architecture: services.architecture,
    tracingMode: input.TracingConfig?.Mode ?? current?.tracingMode ?? 'PassThrough',
    ...applyLoggingConfig(input.LoggingConfig, current, `/aws/lambda/${options.functionName}`),
    ...(deadLetterArn === undefined ? {} : { deadLetterArn }),
    isolation: options.isolation,
    ...(tenantIsolationMode === undefined ? {} : { tenantIsolationMode }),
  };
}

/** Functions run on the host's own processor. */
export function checkArchitectures(services: Pick<OperationServices, 'architecture'>, architectures: readonly string[] | undefined): void {
  const [wanted] = architectures ?? [];
  if (wanted === undefined || wanted === services.architecture) return;
  throw invalidParameter(`This host runs functions of architecture ${services.architecture} only, not ${wanted}.`);
}

/** Tags as they are stored, and the isolation that one of them chooses. */
export function checkTags(tags: Readonly<Record<string, string>> | undefined, limits: FunctionLimits): Isolation {
  const names = Object.keys(tags ?? {});
  if (names.length > limits.maxTags) throw invalidParameter('Number of tags exceeds resource tag limit.');
  if (names.some((name) => name.toLowerCase().startsWith('aws:')))
    throw invalidParameter("Tag keys starting with 'aws:' are reserved for system use.");
  const isolation = tags?.[isolationTag] ?? 'oci';
  if (isolation === 'oci') return 'oci';
  throw invalidParameter(
    isolation === 'microvm'
      ? `Isolation microvm (tag ${isolationTag}) is not available on this host yet: use oci.`
      : `Tag ${isolationTag} must be oci or microvm, not '${isolation}'.`,
  );
}

/** Code and layers together, unpacked. */
export function checkUnpackedSize(codeBytes: number, layers: readonly ConfiguredLayer[], limits: FunctionLimits): void {
  if (codeBytes + unpackedLayerBytes(layers) < limits.unzippedBytesBelow) return;
  throw invalidParameter(`Unzipped size must be smaller than ${limits.unzippedBytesBelow} bytes`);
}

export function unpackedLayerBytes(layers: readonly ConfiguredLayer[]): number {
  return layers.reduce((sum, layer) => sum + layer.unpackedBytes, 0);
}

/** The service model lets more be asked for than this host grants. */
function checkGranted(name: string, value: number, max: number): void {
  if (value > max) throw invalidParameter(`'${name}' value failed to satisfy constraint: Member must have value less than or equal to ${max}`);
}

function checkEnvironment(environment: Readonly<Record<string, string>>, limits: FunctionLimits): void {
  const names = Object.keys(environment);
  const reserved = names.filter((name) => reservedVariables.has(name));
  if (reserved.length > 0) {
    throw invalidParameter(
      'Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are ' +
        `currently not supported for modification. Reserved keys used in this request: ${reserved.join(', ')}`,
    );
  }
  const measured = JSON.stringify(environment);
  if (Buffer.byteLength(measured) > limits.maxEnvironmentBytes) {
    throw invalidParameter(
      'Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. ' +
        `String measured: ${measured}`,
    );
  }
  // A NUL would end the variable early in execve(2); the agent takes names of up to 256 characters.
  if (names.some((name) => name.length > 256 || environment[name]?.includes('\0'))) {
    throw invalidParameter('Lambda was unable to configure your environment variables because a name is too long or a value holds a NUL character.');
  }
}

async function findRuntimeDigest(services: OperationServices, name: string): Promise<string> {
  const runtimes = await services.agent.listRuntimes();
  const found = runtimes.find((runtime) => runtime.name === name);
  if (found !== undefined) return found.digest;
  const known = runtimes.map((runtime) => runtime.name).sort();
  throw invalidParameter(
    `Value ${name} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [${known.join(', ')}] or be a valid ARN`,
  );
}
