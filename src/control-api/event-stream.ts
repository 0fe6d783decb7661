import { EventStreamCodec } from '@smithy/core/event-streams';
import type { StreamCompletion, StreamedInvokeResult } from '../invoke/invoker.ts';

export const eventStreamType = 'application/vnd.amazon.eventstream';

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString(),
  (text) => Buffer.from(text),
);

/** Clients take events of some megabytes at most; a whole error of that size has come as a piece of the answer. */
const maxDetailsBytes = 64 * 1_024;

/** A streamed invocation as the service model's union InvokeWithResponseStreamResponseEvent: a PayloadChunk for each piece, InvokeComplete at the end. */
export async function* invocationEvents({ body, completed }: StreamedInvokeResult): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of body) yield encode('PayloadChunk', 'application/octet-stream', piece);
  yield encode('InvokeComplete', 'application/json', completion(await completed));
}

function completion({ error, logTail }: StreamCompletion): Buffer {
  const members = {
    ...(error === undefined ? {} : { ErrorCode: error.code, ErrorDetails: error.details.subarray(0, maxDetailsBytes).toString() }),
    ...(logTail === undefined ? {} : { LogResult: logTail.toString('base64') }),
  };
  return Buffer.from(JSON.stringify(members));
}

function encode(eventType: string, contentType: string, body: Uint8Array): Uint8Array {
  const text = (value: string) => ({ type: 'string', value }) as const;
  return codec.encode({ headers: { ':event-type': text(eventType), ':content-type': text(contentType), ':message-type': text('event') }, body });
}
