import { type TelemetrySchema, telemetrySchemas } from '../../runtime-api/telemetry/telemetry-subscription.ts';
import type { PlatformEvent } from './platform-event.ts';

/** Members of a record that a schema has and the one before it has not. Source: the schemas that AWS publishes beside its reference. */
const added: Readonly<Record<Exclude<TelemetrySchema, '2022-07-01'>, Partial<Readonly<Record<PlatformEvent['type'], readonly string[]>>>>> = {
  '2022-12-13': {
    'platform.initStart': ['functionName', 'functionVersion', 'instanceId', 'instanceMaxMemory', 'tracing'],
    'platform.initRuntimeDone': ['tracing'],
    'platform.initReport': ['status', 'errorType', 'tracing'],
    'platform.restoreStart': ['functionName', 'functionVersion', 'instanceId', 'instanceMaxMemory', 'tracing'],
    'platform.restoreRuntimeDone': ['tracing'],
    'platform.restoreReport': ['status', 'errorType', 'tracing'],
    'platform.extension': ['errorType'],
  },
  '2025-01-29': {
    'platform.start': ['functionArn', 'tenantId'],
    'platform.runtimeDone': ['tenantId'],
    'platform.report': ['tenantId'],
  },
};

/** The event as one line of JSON, without a line feed. `timeMs`: since the epoch. */
export function platformJson(event: PlatformEvent, timeMs: number, schema: TelemetrySchema = '2025-01-29'): string {
  return `{"time":"${new Date(timeMs).toISOString()}","type":"${event.type}","record":${JSON.stringify(recordOf(event, schema))}}`;
}

function recordOf(event: PlatformEvent, schema: TelemetrySchema): object {
  const later = telemetrySchemas.slice(telemetrySchemas.indexOf(schema) + 1);
  const unknown = later.flatMap((one) => (one === '2022-07-01' ? [] : (added[one][event.type] ?? [])));
  if (unknown.length === 0) return event.record;
  return Object.fromEntries(Object.entries(event.record).filter(([name]) => !unknown.includes(name)));
}
