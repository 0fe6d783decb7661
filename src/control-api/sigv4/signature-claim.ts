import { ApiError } from '../api-error.ts';
import type { SignedRequest } from './signed-request.ts';

/** What a request says about its own signature; nothing of it is believed yet. */
export interface SignatureClaim {
  readonly accessKeyId: string;
  /** `YYYYMMDD` from the credential scope. */
  readonly scopeDate: string;
  readonly region: string;
  readonly service: string;
  /** `YYYYMMDDTHHMMSSZ`. */
  readonly longDate: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly sessionToken: string | undefined;
  /** Only for the presigned form. */
  readonly expiresInSeconds: number | undefined;
}

const algorithm = 'AWS4-HMAC-SHA256';
const longDatePattern = /^\d{8}T\d{6}Z$/;
const signaturePattern = /^[0-9a-f]{64}$/;

/** Reads the claim from the Authorization header or the presigned query form. Throws AWS's error when there is none or it is not whole. */
export function readSignatureClaim(request: SignedRequest): SignatureClaim {
  const authorization = request.headers['authorization'];
  if (typeof authorization === 'string') return fromHeader(authorization, request);
  if (request.query['X-Amz-Algorithm'] !== undefined || request.query['X-Amz-Signature'] !== undefined) return fromQuery(request);
  throw new ApiError('MissingAuthenticationTokenException', 'Missing Authentication Token');
}

function fromHeader(authorization: string, request: SignedRequest): SignatureClaim {
  const space = authorization.indexOf(' ');
  const named = space < 0 ? authorization : authorization.slice(0, space);
  if (named !== algorithm) throw incomplete(`Authorization header requires the algorithm ${algorithm}.`);
  const fields = new Map<string, string>();
  for (const part of authorization.slice(space + 1).split(',')) {
    const equals = part.indexOf('=');
    if (equals < 0) throw incomplete('Invalid key=value pair (missing equal-sign) in Authorization header.');
    fields.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
  }
  const longDate = requestDate(request);
  const missing = [
    ...['Credential', 'Signature', 'SignedHeaders']
      .filter((name) => !fields.get(name))
      .map((name) => `Authorization header requires '${name}' parameter.`),
    ...(longDate === undefined ? ["Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."] : []),
  ];
  if (missing.length > 0 || longDate === undefined) throw incomplete(missing.join(' '));
  const token = request.headers['x-amz-security-token'];
  return assemble({
    credential: fields.get('Credential') ?? '',
    signedHeaders: fields.get('SignedHeaders') ?? '',
    signature: fields.get('Signature') ?? '',
    longDate,
    sessionToken: typeof token === 'string' ? token : undefined,
    expiresInSeconds: undefined,
  });
}

function fromQuery({ query }: SignedRequest): SignatureClaim {
  const names = ['X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Signature', 'X-Amz-SignedHeaders', 'X-Amz-Date', 'X-Amz-Expires'] as const;
  const values = names.map((name) => query[name]);
  const missing = names.filter((_, index) => typeof values[index] !== 'string' || values[index] === '');
  if (missing.length > 0) throw incomplete(missing.map((name) => `AWS query-string parameters must include '${name}'.`).join(' '));
  const [named, credential, signature, signedHeaders, longDate, expires] = values as string[] as [string, string, string, string, string, string];
  if (named !== algorithm) throw incomplete(`Unsupported AWS 'algorithm': only ${algorithm} is known.`);
  const expiresInSeconds = /^\d{1,6}$/.test(expires) ? Number(expires) : 0;
  // Seven days is the longest life AWS gives a presigned request.
  if (expiresInSeconds < 1 || expiresInSeconds > 604_800) throw incomplete('X-Amz-Expires must be a number of seconds between 1 and 604800.');
  const token = query['X-Amz-Security-Token'];
  return assemble({ credential, signedHeaders, signature, longDate, sessionToken: typeof token === 'string' ? token : undefined, expiresInSeconds });
}

function assemble(
  parts: Pick<SignatureClaim, 'longDate' | 'sessionToken' | 'expiresInSeconds' | 'signature'> & { credential: string; signedHeaders: string },
): SignatureClaim {
  const [accessKeyId, scopeDate, region, service, terminator, ...rest] = parts.credential.split('/');
  if (!accessKeyId || !scopeDate || !region || !service || terminator !== 'aws4_request' || rest.length > 0) {
    throw incomplete('Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/aws4_request.');
  }
  if (!longDatePattern.test(parts.longDate)) throw incomplete("Date must be in ISO-8601 'basic format' (YYYYMMDDTHHMMSSZ).");
  if (!signaturePattern.test(parts.signature)) throw invalidSignature();
  return {
    accessKeyId,
    scopeDate,
    region,
    service,
    longDate: parts.longDate,
    signedHeaders: parts.signedHeaders.toLowerCase().split(';'),
    signature: parts.signature,
    sessionToken: parts.sessionToken,
    expiresInSeconds: parts.expiresInSeconds,
  };
}

/** X-Amz-Date, else Date (in HTTP's form or ISO 8601) brought into the same form. */
function requestDate({ headers }: SignedRequest): string | undefined {
  const longDate = headers['x-amz-date'];
  if (typeof longDate === 'string') return longDate;
  const date = headers['date'];
  if (typeof date !== 'string') return undefined;
  if (longDatePattern.test(date)) return date;
  const milliseconds = Date.parse(date);
  return Number.isNaN(milliseconds) ? undefined : formatLongDate(milliseconds);
}

/** `YYYYMMDDTHHMMSSZ` of a time in milliseconds since the epoch. */
export function formatLongDate(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

/** Milliseconds since the epoch of `YYYYMMDDTHHMMSSZ`; NaN when there is no such time. */
export function parseLongDate(longDate: string): number {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(longDate) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** AWS's answer to a signature that is not the one we compute. */
export function invalidSignature(
  message = 'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
): ApiError {
  return new ApiError('InvalidSignatureException', message);
}

function incomplete(message: string): ApiError {
  return new ApiError('IncompleteSignatureException', message);
}
