import type { RuntimeApiError } from '../answers.ts';
import { readDestination } from './telemetry-destination.ts';
import { deserializationError, validationError } from './telemetry-errors.ts';
import {
  type TelemetryBuffering,
  type TelemetrySchema,
  type TelemetryStream,
  type TelemetrySubscription,
  telemetrySchemas,
  telemetryStreams,
} from './telemetry-subscription.ts';
import { Unreadable, unknownVariant } from './unreadable.ts';

type Members = Readonly<Record<string, unknown>>;

/** Lambda's bounds. Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html#telemetry-api-buffering */
const bufferingBounds = {
  maxItems: { min: 1_000, max: 10_000, byDefault: 10_000 },
  maxBytes: { min: 262_144, max: 1_048_576, byDefault: 262_144 },
  timeoutMs: { min: 25, max: 30_000, byDefault: 1_000 },
} as const;

/** Names of events that Lambda's parser knows as types, and that nobody can subscribe to one by one. */
const singleEvents: readonly string[] = [
  'platform.start',
  'platform.end',
  'platform.report',
  'platform.fault',
  'platform.extension',
  'platform.logsDropped',
  'platform.logsSubscription',
  'platform.telemetrySubscription',
  'platform.runtimeDone',
  'platform.initStart',
  'platform.initRuntimeDone',
  'platform.initReport',
  'platform.restoreStart',
  'platform.restoreRuntimeDone',
  'platform.restoreReport',
];

/** Schemas of the Logs API: known, and refused here. */
const logsSchemas: readonly string[] = ['2020-08-15', '2021-03-18'];

/** The subscription that a body asks for, or Lambda's refusal of it: first what cannot be read, then all that is not possible. */
export function readSubscription(body: Buffer): TelemetrySubscription | RuntimeApiError {
  const problems: string[] = [];
  try {
    const members = parse(body);
    const destination = readDestination(objectOf(members, 'destination'), problems);
    const streams = readStreams(members, problems);
    const schema = readSchema(members, problems);
    const buffering = readBuffering(members, problems);
    if (destination !== undefined && 'errorType' in destination) return destination;
    if (problems.length > 0 || destination === undefined || schema === undefined || streams === undefined) return validationError(problems);
    return { schema, streams, buffering, destination };
  } catch (error) {
    if (error instanceof Unreadable) return deserializationError(error.message);
    throw error;
  }
}

function parse(body: Buffer): Members {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    throw new Unreadable('the body is not JSON');
  }
  if (!isObject(value)) throw new Unreadable('invalid type: expected struct Subscription');
  return value;
}

function readSchema(members: Members, problems: string[]): TelemetrySchema | undefined {
  const value = members['schemaVersion'];
  const known = telemetrySchemas.find((schema) => schema === value);
  if (known !== undefined) return known;
  if (value !== undefined && !logsSchemas.includes(value as string)) throw unknownVariant(value, [...logsSchemas, ...telemetrySchemas]);
  problems.push('TelemetryAPI only supports the SchemaVersion released after 2021-03-18');
  return undefined;
}

function readStreams(members: Members, problems: string[]): readonly TelemetryStream[] | undefined {
  const value = required(members, 'types');
  if (!Array.isArray(value)) throw new Unreadable('invalid type for `types`: expected a sequence');
  const streams: TelemetryStream[] = [];
  for (const name of value as readonly unknown[]) {
    const stream = telemetryStreams.find((one) => one === name);
    if (stream !== undefined) {
      if (streams.includes(stream)) problems.push('types should be unique');
      streams.push(stream);
    } else if (singleEvents.includes(name as string)) problems.push('Unrecognized enum variant');
    else throw unknownVariant(name, [...singleEvents, ...telemetryStreams]);
    // Each says what is wrong; the rest of a long list would only say it again.
    if (problems.length > 0) return undefined;
  }
  if (streams.length === 0) problems.push('types should not be empty');
  return streams;
}

function readBuffering(members: Members, problems: string[]): TelemetryBuffering {
  const given = members['buffering'] === undefined ? {} : objectOf(members, 'buffering');
  const read = (name: keyof TelemetryBuffering): number => {
    const { min, max, byDefault } = bufferingBounds[name];
    const value = given[name];
    if (value === undefined) return byDefault;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new Unreadable(`invalid type for \`${name}\`: expected u64`);
    if (value < min || value > max) problems.push(`${name} should be between ${min} and ${max}`);
    return value;
  };
  return { maxItems: read('maxItems'), maxBytes: read('maxBytes'), timeoutMs: read('timeoutMs') };
}

function objectOf(members: Members, name: string): Members {
  const value = required(members, name);
  if (!isObject(value)) throw new Unreadable(`invalid type for \`${name}\`: expected a map`);
  return value;
}

function required(members: Members, name: string): unknown {
  const value = members[name];
  if (value === undefined) throw new Unreadable(`missing field \`${name}\``);
  return value;
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
