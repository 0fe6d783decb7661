import type { TelemetrySchema, TelemetryStream } from '../../runtime-api/telemetry/telemetry-subscription.ts';
import type { PlatformEvent } from '../log/platform-event.ts';
import { platformJson } from '../log/platform-json.ts';

/** One thing to tell, in the form that a schema has for it. */
export interface TelemetryEvent {
  readonly stream: TelemetryStream;
  textFor(schema: TelemetrySchema): string;
}

/** Written once for each schema that somebody wants. */
export function platformEvent(event: PlatformEvent, timeMs: number): TelemetryEvent {
  const texts = new Map<TelemetrySchema, string>();
  return {
    stream: 'platform',
    textFor(schema) {
      const text = texts.get(schema) ?? platformJson(event, timeMs, schema);
      texts.set(schema, text);
      return text;
    },
  };
}
