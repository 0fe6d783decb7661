import { validateHeaderName, validateHeaderValue } from 'node:http';

/** What goes to the client of a function URL. Header values in the order they are written. */
export interface UrlAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

type Members = Readonly<Record<string, unknown>>;

/** Ours to say, or of the connection: Lambda sends a function's own under another name. */
const remapped: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'server',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'www-authenticate',
]);
const remappedPrefix = 'x-amzn-remapped-';

/** Lambda's answer for a function that failed, or whose answer cannot be read. */
export const badGateway: UrlAnswer = failure(502, 'Internal Server Error');
/** For a function that took longer than its Timeout. */
export const gatewayTimeout: UrlAnswer = failure(504, 'Gateway Timeout');

/**
 * Reads what a function returned, by payload format 2.0: an object with `statusCode` is a response; everything else is the body of a 200.
 * SECURITY: nothing a function returns reaches the head of the response but a status, and headers of valid names and values.
 */
export function functionUrlAnswer(payload: Buffer): UrlAnswer {
  const value = parse(payload);
  if (typeof value === 'string') return { status: 200, headers: [json], body: Buffer.from(value) };
  if (!isMembers(value) || !Object.hasOwn(value, 'statusCode')) return { status: 200, headers: [json], body: payload };
  const status = Number(scalar(value['statusCode']));
  const headers = [...responseHeaders(value['headers']), ...cookieHeaders(value['cookies'])];
  const body = responseBody(value);
  if (!Number.isInteger(status) || status < 200 || status > 599 || body === undefined || !headers.every(isValidHeader)) return badGateway;
  const typed = headers.some(([name]) => name === 'content-type') ? headers : [json, ...headers];
  return { status, headers: typed, body };
}

const json = ['content-type', 'application/json'] as const;

function failure(status: number, text: string): UrlAnswer {
  return { status, headers: [['content-type', 'application/json']], body: Buffer.from(text) };
}

/** A custom runtime may answer what is not JSON: that is text. */
function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch {
    return undefined;
  }
}

function responseHeaders(headers: unknown): [string, string][] {
  if (headers === undefined || headers === null) return [];
  if (!isMembers(headers)) return [['', '']];
  return Object.entries(headers).map(([name, value]) => [sentName(name.toLowerCase()), scalar(value)]);
}

function sentName(name: string): string {
  const isOurs = remapped.has(name) || (name.startsWith('x-amzn-') && !name.startsWith(remappedPrefix));
  return isOurs ? `${remappedPrefix}${name}` : name;
}

function cookieHeaders(cookies: unknown): [string, string][] {
  if (cookies === undefined || cookies === null) return [];
  if (!Array.isArray(cookies)) return [['', '']];
  return cookies.map((cookie) => ['set-cookie', typeof cookie === 'string' ? cookie : '\0']);
}

/** What is no text, number or truth value becomes a value that no header may have. */
function scalar(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '\0';
}

function responseBody({ body, isBase64Encoded }: Members): Buffer | undefined {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body !== 'string') return typeof body === 'object' ? Buffer.from(JSON.stringify(body)) : Buffer.from(String(body));
  if (isBase64Encoded !== true) return Buffer.from(body);
  return /^[A-Za-z0-9+/_-]*={0,2}$/.test(body) ? Buffer.from(body, 'base64') : undefined;
}

function isValidHeader([name, value]: readonly [string, string]): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
