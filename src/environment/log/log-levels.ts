import { type LogLevel, logLevels, type SystemLogLevel } from '../../functions/json-logging.ts';
import type { PlatformEvent } from './platform-event.ts';

/**
 * The level that Lambda gives to each event of the platform.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html, "System log level event mapping"
 */
export function systemLevelOf(event: PlatformEvent): SystemLogLevel {
  if ('status' in event.record && event.record.status !== 'success') return 'WARN';
  switch (event.type) {
    case 'platform.initStart':
    case 'platform.restoreStart':
      return event.record.runtimeVersion === undefined ? 'DEBUG' : 'INFO';
    case 'platform.initReport':
      return event.record.initializationType === 'on-demand' ? 'DEBUG' : 'INFO';
    case 'platform.initRuntimeDone':
    case 'platform.restoreRuntimeDone':
    case 'platform.runtimeDone':
      return 'DEBUG';
    case 'platform.extension':
      return event.record.errorType === undefined ? 'INFO' : 'WARN';
    case 'platform.logsDropped':
      return 'WARN';
    default:
      return 'INFO';
  }
}

/** RFC 3339, as far as its shape goes. */
const timestamp = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;
const timestampMembers = ['timestamp', 'time', '@timestamp', 'Timestamp', 'ts'];

/** The object that a line which begins with a brace is, if it is one. */
export function jsonObjectOf(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

/** The level of what the function wrote: its own, if it names one that Lambda knows and a time; else INFO. */
export function applicationLevelOf(record: Readonly<Record<string, unknown>>): LogLevel {
  const { level } = record;
  const known = typeof level === 'string' ? logLevels.find((one) => one === level.toUpperCase()) : undefined;
  if (known === undefined) return 'INFO';
  return timestampMembers.some((name) => typeof record[name] === 'string' && timestamp.test(record[name])) ? known : 'INFO';
}
