import type { FunctionLimits } from '../functions/limits.ts';
import { ApiError } from './api-error.ts';
import { parseJson } from './bind-input.ts';

const emptyEvent = Buffer.from('{}');

/** The event is handed over as it was sent; but it must be JSON, and nothing stands for an empty object. */
export function checkedPayload(payload: Buffer | undefined): Buffer {
  if (payload === undefined || payload.length === 0) return emptyEvent;
  parseJson(payload);
  return payload;
}

/** Asynchronous invocations carry less. The words are Lambda's. */
export function checkEventSize(payload: Buffer, { maxEventBytes }: FunctionLimits): void {
  if (payload.length <= maxEventBytes) return;
  throw new ApiError(
    'RequestEntityTooLargeException',
    `${payload.length} byte payload is too large for the Event invocation type (limit ${maxEventBytes} bytes)`,
  );
}
