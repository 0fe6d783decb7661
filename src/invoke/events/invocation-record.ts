import type { EventContent, EventOutcome, QueuedEvent } from './queued-event.ts';

/** What AWS's services are told of an event that is over. */
export interface OutcomeMessage {
  readonly outcome: EventOutcome;
  readonly event: QueuedEvent;
  readonly content: EventContent;
  readonly responsePayload: Buffer | undefined;
}

/** Lambda sends "the first 1 KB of the error message". */
const maxErrorMessageBytes = 1_024;

/**
 * The invocation record, with its members in Lambda's order. Payloads are put in as they are, not parsed and written again: a number may have
 * more digits than JavaScript keeps.
 */
export function invocationRecord({ outcome, event, content, responsePayload }: OutcomeMessage): string {
  const { condition, approximateInvokeCount, functionArn, endedAtMs, response } = outcome;
  const members = [
    '"version":"1.0"',
    `"timestamp":${JSON.stringify(new Date(endedAtMs).toISOString())}`,
    `"requestContext":${JSON.stringify({ requestId: event.requestId, functionArn, condition, approximateInvokeCount })}`,
    `"requestPayload":${asJson(content.payload)}`,
  ];
  if (response !== undefined) {
    members.push(`"responseContext":${JSON.stringify({ statusCode: 200, ...response })}`, `"responsePayload":${asJson(responsePayload)}`);
  }
  return `{${members.join(',')}}`;
}

/** A dead letter's attributes; its body is the event as it was sent. Messages have no control characters, and no attribute is empty. */
export function deadLetterAttributes({ outcome, event }: OutcomeMessage): Readonly<Record<'RequestID' | 'ErrorCode' | 'ErrorMessage', string>> {
  const { code, message } = outcome.error ?? { code: 200, message: '' };
  const text = firstBytes(message.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, ' '), maxErrorMessageBytes);
  return { RequestID: event.requestId, ErrorCode: String(code), ErrorMessage: text === '' ? outcome.condition : text };
}

/** As Lambda names a record's object: `aws/lambda/async/NAME/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-UUID`. */
export function recordObjectKey({ outcome, event }: OutcomeMessage): string {
  const [date = '', time = ''] = new Date(outcome.endedAtMs).toISOString().slice(0, 19).split('T');
  return `aws/lambda/async/${event.functionName}/${date.replaceAll('-', '/')}/${date}T${time.replaceAll(':', '.')}-${outcome.recordId}`;
}

/** A runtime of one's own may answer what is not JSON: that becomes a string. */
function asJson(payload: Buffer | undefined): string {
  const text = payload?.toString('utf8') ?? '';
  if (text === '') return 'null';
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}

/** As many whole characters as fit. */
function firstBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
