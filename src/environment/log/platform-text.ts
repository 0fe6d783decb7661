import type { ExtensionRecord, InitReportRecord, PlatformEvent, ReportRecord, TraceContext } from './platform-event.ts';

/** The lines of a function's text log that tell the event: none for most of them. Each is one log event and ends with a line feed. */
export function platformText(event: PlatformEvent): readonly string[] {
  switch (event.type) {
    case 'platform.initStart': {
      const { runtimeVersion, runtimeVersionArn, phase } = event.record;
      return phase === 'init' ? [`INIT_START Runtime Version: ${runtimeVersion}\tRuntime Version ARN: ${runtimeVersionArn}\n`] : [];
    }
    case 'platform.initReport':
      return event.record.status === 'success' ? [] : [initReportLine(event.record)];
    case 'platform.start':
      return [`START RequestId: ${event.record.requestId} Version: ${event.record.version}\n`];
    case 'platform.report':
      return [`END RequestId: ${event.record.requestId}\n`, reportLine(event.record)];
    case 'platform.extension':
      return [extensionLine(event.record)];
    case 'platform.telemetrySubscription': {
      const { name, state, types } = event.record;
      return [`TELEMETRY\tName: ${name}\tState: ${state}\tTypes: [${types.map(capitalised).join(', ')}]\n`];
    }
    default:
      return [];
  }
}

/** Lambda writes MB for MiB. */
function reportLine(record: ReportRecord): string {
  const { metrics } = record;
  const fields = [
    `REPORT RequestId: ${record.requestId}`,
    `Duration: ${metrics.durationMs.toFixed(2)} ms`,
    `Billed Duration: ${metrics.billedDurationMs} ms`,
    `Memory Size: ${metrics.memorySizeMB} MB`,
    `Max Memory Used: ${metrics.maxMemoryUsedMB} MB`,
  ];
  if (metrics.initDurationMs !== undefined) fields.push(`Init Duration: ${metrics.initDurationMs.toFixed(2)} ms`);
  if (record.status !== 'success') fields.push(`Status: ${record.status === 'timeout' ? 'timeout' : 'error'}`);
  if ('errorType' in record) fields.push(`Error Type: ${record.errorType}`);
  return `${fields.join('\t')}\t\n${record.tracing === undefined ? '' : traceLine(record.tracing)}`;
}

/** A second line of the REPORT's own event. */
function traceLine({ value, spanId }: TraceContext): string {
  const traceId = /(?:^|;)\s*Root=([^;]*)/.exec(value)?.[1] ?? '';
  return `XRAY TraceId: ${traceId}\tSegmentId: ${spanId ?? ''}\tSampled: true\t\n`;
}

function initReportLine(record: InitReportRecord): string {
  const fields = [`INIT_REPORT Init Duration: ${record.metrics.durationMs.toFixed(2)} ms`, `Phase: ${record.phase}`];
  fields.push(`Status: ${record.status === 'timeout' ? 'timeout' : 'error'}`);
  if ('errorType' in record) fields.push(`Error Type: ${record.errorType}`);
  return `${fields.join('\t')}\n`;
}

function extensionLine({ name, state, events, errorType }: ExtensionRecord): string {
  const line = `EXTENSION\tName: ${name}\tState: ${state}\tEvents: [${events.join(',')}]`;
  return `${line}${errorType === undefined ? '' : `\tError Type: ${errorType}`}\n`;
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
