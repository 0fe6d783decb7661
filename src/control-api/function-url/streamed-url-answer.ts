import type { StreamedInvokeResult } from '../../invoke/invoker.ts';
import { answerHead, badGateway, gatewayTimeout, isMembers, parseMembers, type UrlAnswer, type UrlHead } from './url-answer.ts';

/** What goes to the client of a function URL piece by piece. */
export interface StreamedUrlAnswer extends UrlHead {
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Known when the pieces have been read, or left: whether they are all that the function meant to send. */
  readonly isWhole: Promise<boolean>;
}

/** Of a response that begins with its status and headers as JSON, before this delimiter; as AWS's runtime clients send it. */
const integrationType = 'application/vnd.awslambda.http-integration-response';
const delimiter = Buffer.alloc(8);
const maxPreludeBytes = 64 * 1_024;

/**
 * The answer of a URL whose InvokeMode is RESPONSE_STREAM, when its head is known: from the prelude, else 200 with the content type that the runtime named.
 * A function that fails before its first byte is answered by a status; after it the body ends in the middle, so that the client sees it.
 */
export async function streamedUrlAnswer({ body, completed, contentType, failed }: StreamedInvokeResult): Promise<UrlAnswer | StreamedUrlAnswer> {
  if (failed !== undefined) return failed === 'timeout' ? gatewayTimeout : badGateway;
  const pieces = body[Symbol.asyncIterator]();
  const isWhole = completed.then(({ error }) => error === undefined);
  const isIntegration = contentType === integrationType;
  const begun = isIntegration ? await readPrelude(pieces) : await readFirst(pieces, contentType);
  if (begun !== undefined) return { ...begun.head, isWhole, pieces: withRest(begun.first, pieces) };
  // What has not been read of a prelude that is none.
  await pieces.return?.();
  const { error } = await completed;
  if (error?.code === 'Sandbox.Timedout') return gatewayTimeout;
  if (isIntegration || error !== undefined) return badGateway;
  return { ...headOf(contentType), body: Buffer.alloc(0) };
}

interface Begun {
  readonly head: UrlHead;
  readonly first: Uint8Array;
}

async function readFirst(pieces: AsyncIterator<Buffer>, contentType: string | undefined): Promise<Begun | undefined> {
  const first = await pieces.next();
  return first.done === true ? undefined : { head: headOf(contentType), first: first.value };
}

function headOf(contentType = 'application/octet-stream'): UrlHead {
  return { status: 200, headers: [['content-type', contentType]] };
}

async function readPrelude(pieces: AsyncIterator<Buffer>): Promise<Begun | undefined> {
  let read = Buffer.alloc(0);
  while (read.length <= maxPreludeBytes) {
    const piece = await pieces.next();
    if (piece.done === true) return undefined;
    const from = Math.max(0, read.length - delimiter.length + 1);
    read = Buffer.concat([read, piece.value]);
    const end = read.indexOf(delimiter, from);
    if (end < 0) continue;
    const members = parseMembers(read.subarray(0, end));
    const head = isMembers(members) ? answerHead({ statusCode: 200, ...members }, 'application/octet-stream') : undefined;
    return head === undefined ? undefined : { head, first: read.subarray(end + delimiter.length) };
  }
  return undefined;
}

async function* withRest(first: Uint8Array, pieces: AsyncIterator<Buffer>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    if (first.length > 0) yield first;
    for (let piece = await pieces.next(); piece.done !== true; piece = await pieces.next()) yield piece.value;
  } finally {
    await pieces.return?.();
  }
}
