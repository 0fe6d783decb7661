import {
  type ApplicationLogLevel,
  type FunctionConfiguration,
  type LambdaClient,
  type LogFormat,
  type Runtime,
  type SystemLogLevel,
  type TracingMode,
  UpdateFunctionConfigurationCommand,
  type UpdateFunctionConfigurationRequest,
} from '@aws-sdk/client-lambda';
import { type Command, Option } from 'commander';
import { positiveInteger, repeated, variable } from './option-values.ts';
import { waitForFunction, waitUntilSettled } from './wait-for-function.ts';

/** The settings of a function that `deploy` and `function update` take. */
export interface SettingOptions {
  readonly runtime?: string;
  readonly handler?: string;
  readonly description?: string;
  readonly memory?: number;
  readonly timeout?: number;
  readonly tmp?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly layer?: readonly string[];
  readonly deadLetter?: string;
  readonly tracing?: string;
  readonly logFormat?: string;
  readonly applicationLogLevel?: string;
  readonly systemLogLevel?: string;
  readonly logGroup?: string;
  readonly role?: string;
}

type FunctionSettings = Partial<Omit<UpdateFunctionConfigurationRequest, 'FunctionName'>>;

const tracingModes: Readonly<Record<string, TracingMode>> = { active: 'Active', passthrough: 'PassThrough' };
/** Of a log in JSON: what it leaves out. */
const systemLogLevels = ['debug', 'info', 'warn'];
const applicationLogLevels = ['trace', ...systemLogLevels, 'error', 'fatal'];
const logFormats: Readonly<Record<string, LogFormat>> = { text: 'Text', json: 'JSON' };

/** Gives a command the options of a function's settings. */
export function addSettingOptions(command: Command): Command {
  return command
    .option('--runtime <name>', 'the runtime, see: cloister runtime list (needed for a new function)')
    .option('--handler <name>', 'file and function, such as index.handler (needed for a new function of a managed runtime)')
    .option('--description <text>', 'what it is for')
    .option('--memory <mib>', 'memory in MiB; the share of a CPU grows with it (1,769 MiB: one)', positiveInteger)
    .option('--timeout <seconds>', 'the longest an invocation may take', positiveInteger)
    .option('--tmp <mib>', 'size of /tmp in MiB', positiveInteger)
    .option('--env <name=value>', 'an environment variable; repeat it for more. It replaces all that were there', variable)
    .option('--layer <arn>', 'a layer version; repeat it for more, in order. It replaces all that were there', repeated)
    .option('--dead-letter <arn>', 'queue or topic for asynchronous events that failed ("" for none)')
    .addOption(new Option('--tracing <mode>', 'whether requests are traced').choices(Object.keys(tracingModes)))
    .addOption(new Option('--log-format <format>', 'how it logs').choices(Object.keys(logFormats)))
    .addOption(new Option('--application-log-level <level>', 'the least that a log in JSON keeps of what it writes').choices(applicationLogLevels))
    .addOption(new Option('--system-log-level <level>', 'the least that a log in JSON keeps of what the platform tells').choices(systemLogLevels))
    .option('--log-group <name>', 'the log group it writes to (default: /aws/lambda/NAME)')
    .option('--role <arn>', 'the execution role that Lambda’s API asks for; nothing is granted by it');
}

/** The settings that the command line names, in Lambda's words; the rest stays as it is. */
export function settingsOf(options: SettingOptions): FunctionSettings {
  const logging = {
    ...(options.logFormat === undefined ? {} : { LogFormat: logFormats[options.logFormat] }),
    ...(options.applicationLogLevel === undefined ? {} : { ApplicationLogLevel: options.applicationLogLevel.toUpperCase() as ApplicationLogLevel }),
    ...(options.systemLogLevel === undefined ? {} : { SystemLogLevel: options.systemLogLevel.toUpperCase() as SystemLogLevel }),
    ...(options.logGroup === undefined ? {} : { LogGroup: options.logGroup }),
  };
  return {
    ...(options.runtime === undefined ? {} : { Runtime: options.runtime as Runtime }),
    ...(options.handler === undefined ? {} : { Handler: options.handler }),
    ...(options.description === undefined ? {} : { Description: options.description }),
    ...(options.memory === undefined ? {} : { MemorySize: options.memory }),
    ...(options.timeout === undefined ? {} : { Timeout: options.timeout }),
    ...(options.tmp === undefined ? {} : { EphemeralStorage: { Size: options.tmp } }),
    ...(options.env === undefined ? {} : { Environment: { Variables: { ...options.env } } }),
    ...(options.layer === undefined ? {} : { Layers: [...options.layer] }),
    ...(options.deadLetter === undefined ? {} : { DeadLetterConfig: { TargetArn: options.deadLetter } }),
    ...(options.tracing === undefined ? {} : { TracingConfig: { Mode: tracingModes[options.tracing] } }),
    ...(Object.keys(logging).length === 0 ? {} : { LoggingConfig: logging }),
    ...(options.role === undefined ? {} : { Role: options.role }),
  };
}

/** Changes settings of a function that is there, once no earlier update is under way, and waits until the change is through. */
export async function changeSettings(client: LambdaClient, name: string, settings: FunctionSettings): Promise<FunctionConfiguration> {
  await waitUntilSettled(client, name);
  await client.send(new UpdateFunctionConfigurationCommand({ ...settings, FunctionName: name }));
  return waitForFunction(client, name);
}
