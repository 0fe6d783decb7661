import type { ResponseStream, StreamEnd } from '../runtime-api/response-stream.ts';
import type { FailureCause } from './invocation-failure.ts';

/** An answer that comes in pieces, and whose failure, if it has one, is known at its end. */
export interface StreamedAnswer extends Pick<ResponseStream, 'contentType' | 'body'> {
  /** Known when the body has come to its end and has been read, or left; undefined: it is whole. */
  readonly ended: Promise<FailureCause | undefined>;
}

/** The answer that a runtime's stream is, and the way to end it in the middle with a failure that the runtime does not know of. */
export function answerOf(stream: ResponseStream): { readonly answer: StreamedAnswer; readonly interrupt: (cause: FailureCause) => void } {
  const ended = Promise.withResolvers<FailureCause | undefined>();
  void stream.ended.then((end) => ended.resolve(failureOf(end)));
  const interrupt = (cause: FailureCause): void => {
    ended.resolve(cause);
    stream.abort();
  };
  return { answer: { contentType: stream.contentType, body: stream.body, ended: ended.promise }, interrupt };
}

function failureOf(end: StreamEnd): FailureCause | undefined {
  switch (end.kind) {
    case 'whole':
      return undefined;
    case 'failed':
      return { kind: 'functionError', errorType: end.errorType, payload: end.payload };
    case 'truncated':
      return { kind: 'truncatedResponse' };
    case 'tooLarge':
      return { kind: 'responseTooLarge', maxBytes: end.maxBytes };
  }
}
