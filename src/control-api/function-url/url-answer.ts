import { validateHeaderName, validateHeaderValue } from 'node:http';

/** Header values in the order they are written. */
export interface UrlHead {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** What goes to the client of a function URL. */
export interface UrlAnswer extends UrlHead {
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
  const value = parseMembers(payload);
  if (typeof value === 'string') return { status: 200, headers: [json], body: Buffer.from(value) };
  if (!isMembers(value) || !Object.hasOwn(value, 'statusCode')) return { status: 200, headers: [json], body: payload };
  const head = answerHead(value, 'application/json');
  const body = responseBody(value);
  return head === undefined || body === undefined ? badGateway : { ...head, body };
}

/** Status, headers and cookies as a function names them; undefined when they are no possible head of a response. */
export function answerHead(value: Members, defaultType: string): UrlHead | undefined {
  const status = Number(scalar(value['statusCode']));
  const headers = [...responseHeaders(value['headers']), ...cookieHeaders(value['cookies'])];
  if (!Number.isInteger(status) || status < 200 || status > 599 || !headers.every(isValidHeader)) return undefined;
  return { status, headers: headers.some(([name]) => name === 'content-type') ? headers : [['content-type', defaultType], ...headers] };
}

const json = ['content-type', 'application/json'] as const;

function failure(status: number, text: string): UrlAnswer {
  return { status, headers: [['content-type', 'application/json']], body: Buffer.from(text) };
}

/** A custom runtime may answer what is not JSON: that is text. */
export function parseMembers(payload: Buffer): unknown {
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

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
