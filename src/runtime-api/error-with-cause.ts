/** Of an error report that carries X-Ray's cause in its body, beside the error itself. */
export const errorWithCauseType = 'application/vnd.aws.lambda.error.cause+json';

/** What the client gets of it: the error without the cause, which is for X-Ray alone. */
export function withoutCause(payload: Buffer): Buffer {
  return Buffer.from(JSON.stringify(parse(payload) ?? 'Invalid error body'));
}

function parse(payload: Buffer): object | undefined {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString());
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { errorMessage, errorType, stackTrace } = value as Readonly<Record<string, unknown>>;
  const frames = stackTrace ?? [];
  if (!isText(errorMessage) || !isText(errorType) || !Array.isArray(frames) || !frames.every(isText)) return undefined;
  return { errorMessage: errorMessage ?? '', errorType: errorType ?? '', ...(frames.length === 0 ? {} : { stackTrace: frames }) };
}

function isText(value: unknown): value is string | null | undefined {
  return typeof value === 'string' || value === null || value === undefined;
}
