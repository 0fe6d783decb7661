import type { RuntimeSummary } from '../agent/messages.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import type { JsonLogging } from '../functions/json-logging.ts';
import type { InitializationType } from './log/platform-event.ts';
import type { TemporaryCredentials } from './session-credentials.ts';

export interface EnvironmentVariablesOptions {
  readonly function: FunctionVersion;
  readonly runtime: RuntimeSummary;
  readonly region: string;
  readonly logStream: string;
  readonly credentials: TemporaryCredentials;
  readonly initializationType: InitializationType;
}

/**
 * What a runtime process finds in its environment. A function may set the variables that depend on the runtime (PATH, NODE_PATH, LANG, TZ …),
 * never Lambda's reserved ones.
 */
export function environmentVariables(options: EnvironmentVariablesOptions): Record<string, string> {
  const { function: fn, runtime, region, logStream, credentials } = options;
  return {
    TZ: ':UTC',
    LANG: 'en_US.UTF-8',
    AWS_XRAY_CONTEXT_MISSING: 'LOG_ERROR',
    AWS_XRAY_DAEMON_ADDRESS: '127.0.0.1:2000',
    ...runtime.variables,
    ...fn.environment,
    ...(runtime.executionEnvironment === undefined ? {} : { AWS_EXECUTION_ENV: runtime.executionEnvironment }),
    _HANDLER: fn.handler,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken,
    AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001',
    AWS_LAMBDA_FUNCTION_NAME: fn.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: fn.version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(fn.memorySizeMiB),
    AWS_LAMBDA_INITIALIZATION_TYPE: options.initializationType,
    AWS_LAMBDA_LOG_GROUP_NAME: fn.logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: logStream,
    ...loggingVariables(fn.jsonLogging),
    LAMBDA_TASK_ROOT: '/var/task',
    LAMBDA_RUNTIME_DIR: '/var/runtime',
  };
}

/** By these the managed runtimes write JSON and leave out what is below the level. */
function loggingVariables(json: JsonLogging | undefined): Readonly<Record<string, string>> {
  if (json === undefined) return { AWS_LAMBDA_LOG_FORMAT: 'Text' };
  return { AWS_LAMBDA_LOG_FORMAT: 'JSON', AWS_LAMBDA_LOG_LEVEL: json.applicationLevel };
}

/** What Lambda keeps from extensions. Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html */
const runtimeOnly: ReadonlySet<string> = new Set([
  'AWS_EXECUTION_ENV',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
  'AWS_XRAY_CONTEXT_MISSING',
  'AWS_XRAY_DAEMON_ADDRESS',
  'LAMBDA_RUNTIME_DIR',
  'LAMBDA_TASK_ROOT',
]);

/** What an extension's process finds in its environment, out of what the runtime finds: nothing that begins with an underscore, either. */
export function extensionVariables(variables: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !runtimeOnly.has(name) && !name.startsWith('_')));
}
