import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import type { AwsClients } from '../../aws/aws-clients.ts';
import type { FunctionLimits } from '../../functions/limits.ts';
import { ApiError, invalidParameter } from '../api-error.ts';

/** An object that holds a zip. */
export interface S3Code {
  /** Who wants it. */
  readonly accountId: string;
  readonly bucket: string;
  readonly key: string;
  readonly objectVersion: string | undefined;
}

/** Of one object, however slowly it comes. */
const fetchTimeoutMs = 240_000;
/** Objects are gathered in memory, so few come at once; others wait. */
const maxFetches = 2;
let running = 0;
const waiting: (() => void)[] = [];

/** The bytes of an object, fetched in the name of the administrator's keys. Throws what Lambda answers for an object that cannot be had. */
export async function fetchS3Code(services: { readonly aws: AwsClients; readonly limits: FunctionLimits }, code: S3Code): Promise<Uint8Array> {
  const { aws } = services;
  const client = aws.client('s3');
  if (client === undefined) {
    throw invalidParameter(
      'Code in S3 cannot be fetched: no S3 endpoint is configured on this host (aws.s3.endpoint of its config.json). Send the code as ZipFile.',
    );
  }
  // SECURITY: the keys are the host's, so they must not read for one account what is another's. The same answer whether there is such an object or not.
  if (!aws.allowsBucket(code.accountId, code.bucket)) throw deniedByS3(code, 'Access Denied');
  await enter();
  try {
    const { GetObjectCommand } = await import('@aws-sdk/client-s3');
    const { bucket: Bucket, key: Key, objectVersion } = code;
    const command = new GetObjectCommand({ Bucket, Key, ...(objectVersion === undefined ? {} : { VersionId: objectVersion }) });
    const abortSignal = AbortSignal.timeout(fetchTimeoutMs);
    const object = await (await client).send(command, { abortSignal });
    return await gather(object, { maxBytes: services.limits.unzippedBytesBelow - 1, abortSignal });
  } catch (error) {
    throw error instanceof ApiError ? error : s3Failure(error, code);
  } finally {
    leave();
  }
}

async function enter(): Promise<void> {
  if (running < maxFetches) running += 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
}

function leave(): void {
  const next = waiting.shift();
  if (next === undefined) running -= 1;
  else next();
}

async function gather(object: GetObjectCommandOutput, { maxBytes, abortSignal }: { maxBytes: number; abortSignal: AbortSignal }): Promise<Buffer> {
  const body = object.Body as (AsyncIterable<Buffer> & { destroy(): void }) | undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  const cancel = () => body?.destroy();
  abortSignal.addEventListener('abort', cancel);
  try {
    if ((object.ContentLength ?? 0) > maxBytes) throw tooLarge(maxBytes);
    for await (const chunk of body ?? []) {
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
  } finally {
    abortSignal.removeEventListener('abort', cancel);
    body?.destroy();
  }
  return Buffer.concat(chunks, size);
}

/** A zip is never larger than what it holds by much; the words are those for what it holds. */
function tooLarge(maxBytes: number): ApiError {
  return invalidParameter(`Unzipped size must be smaller than ${maxBytes + 1} bytes`);
}

/** S3's own refusals in Lambda's words; what is no answer of S3 at all is the host's trouble. */
function s3Failure(error: unknown, code: S3Code): unknown {
  const { name = '', message = '', $metadata } = error as { name?: string; message?: string; $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  if (status === undefined || status >= 500) {
    return new ApiError('ServiceUnavailableException', 'Error occurred while GetObject. S3 did not answer. Try the request again later.');
  }
  if (name === 'AccessDenied' || status === 403) return deniedByS3(code, message, name);
  return invalidParameter(`Error occurred while GetObject. S3 Error Code: ${name}. S3 Error Message: ${message}`);
}

function deniedByS3({ bucket, key }: S3Code, message: string, errorCode = 'AccessDenied'): ApiError {
  return new ApiError(
    'AccessDeniedException',
    `Your access has been denied by S3, please make sure your request credentials have permission to GetObject for ${bucket}/${key}. ` +
      `S3 Error Code: ${errorCode}. S3 Error Message: ${message}`,
  );
}
