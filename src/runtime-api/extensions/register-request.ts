import type { RuntimeApiError } from '../answers.ts';
import type { ExtensionKind } from './extension.ts';
import { invalidEventType, invalidRequestFormat } from './extension-errors.ts';
import { type ExtensionEventType, extensionEventTypes } from './extension-event.ts';

/** What the body of a registration subscribes to, or why it is none. No body but JSON will do, an empty object subscribes to nothing. */
export function parseRegistration(body: Buffer): readonly string[] | RuntimeApiError {
  if (body.length === 0) return invalidRequestFormat('unexpected end of JSON input');
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    return invalidRequestFormat('the body is not JSON');
  }
  if (value === null) return [];
  if (typeof value !== 'object' || Array.isArray(value)) return invalidRequestFormat('the body is no JSON object');
  const members = new Map(Object.entries(value).map(([name, member]) => [name.toLowerCase(), member as unknown]));
  const keys = members.get('configurationkeys') ?? [];
  if (!Array.isArray(keys)) return invalidRequestFormat('configurationKeys is no list');
  if (keys.length > 0) return invalidRequestFormat('configurationKeys are deprecated; use environment variables instead');
  const events = members.get('events') ?? [];
  if (!Array.isArray(events) || !events.every((event) => typeof event === 'string')) return invalidRequestFormat('events is no list of strings');
  return events;
}

/** The event types that an extension of this kind may subscribe to, or the refusal of the first that it may not. */
export function checkEvents(events: readonly string[], kind: ExtensionKind): readonly ExtensionEventType[] | RuntimeApiError {
  const types: ExtensionEventType[] = [];
  for (const event of events) {
    const type = extensionEventTypes.find((known) => known === event);
    if (type === undefined) return invalidEventType(event, 'ErrorInvalidEventType');
    // The runtime ends with its process: it gets SIGTERM instead.
    if (type === 'SHUTDOWN' && kind === 'internal') return invalidEventType(event, 'ShutdownEventNotSupportedForInternalExtension');
    types.push(type);
  }
  return types;
}
