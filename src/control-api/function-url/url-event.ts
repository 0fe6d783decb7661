import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import type { AccessKey } from '../stores/access-key-directory.ts';
import { callerArn } from '../stores/access-key-directory.ts';
import type { UrlTarget } from './url-location.ts';

export interface UrlRequest {
  readonly target: UrlTarget;
  readonly method: string;
  readonly httpVersion: string;
  /** Distinct values per name: Node has dropped or joined what may come once. */
  readonly headers: Readonly<NodeJS.Dict<string[]>>;
  readonly body: Buffer;
  readonly sourceIp: string;
  /** The listener's. */
  readonly port: number;
  readonly requestId: string;
  readonly traceId: string;
  readonly timeMs: number;
  /** Undefined where nobody had to sign. */
  readonly signer: AccessKey | undefined;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** Of one connection, not of the request (RFC 9110, 7.6.1); cookies have a member of their own. */
const leftOut: ReadonlySet<string> = new Set([
  'connection',
  'cookie',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
] satisfies (keyof IncomingHttpHeaders | 'keep-alive' | 'proxy-connection')[]);

/** The event of payload format 2.0 (Lambda developer guide, "Invoking Lambda function URLs"). */
export function functionUrlEvent(request: UrlRequest): Buffer {
  const { target, headers, body, method, requestId, signer, timeMs } = request;
  const cookies = (headers['cookie'] ?? []).flatMap((line) => line.split(';')).map((cookie) => cookie.trim());
  const query = queryParameters(target.rawQuery);
  const isText = body.length > 0 && isTextual(headers['content-type']?.[0]) && isUtf8(body);
  const domainName = (headers['host']?.[0] ?? '').replace(/:\d+$/, '');
  return Buffer.from(
    JSON.stringify({
      version: '2.0',
      routeKey: '$default',
      rawPath: target.rawPath,
      rawQueryString: target.rawQuery,
      ...(cookies.length === 0 ? {} : { cookies }),
      headers: eventHeaders(request),
      ...(query === undefined ? {} : { queryStringParameters: query }),
      requestContext: {
        accountId: signer?.accountId ?? 'anonymous',
        apiId: target.urlId,
        ...(signer === undefined ? {} : { authorizer: { iam: identity(signer) } }),
        domainName,
        domainPrefix: target.urlId,
        http: {
          method,
          path: target.rawPath,
          protocol: `HTTP/${request.httpVersion}`,
          sourceIp: request.sourceIp,
          userAgent: headers['user-agent']?.[0] ?? '',
        },
        requestId,
        routeKey: '$default',
        stage: '$default',
        time: requestTime(timeMs),
        timeEpoch: timeMs,
      },
      ...(body.length === 0 ? {} : { body: body.toString(isText ? 'utf8' : 'base64') }),
      isBase64Encoded: body.length > 0 && !isText,
    }),
  );
}

function eventHeaders({ headers, sourceIp, port, traceId, signer }: UrlRequest): Readonly<Record<string, string>> {
  const named = Object.entries(headers).flatMap(([name, values]) => {
    // SECURITY: the signature of a caller is for us; the function is told who it was.
    if (leftOut.has(name) || values === undefined || (signer !== undefined && name === 'authorization')) return [];
    return [[name, values.join(',')] as const];
  });
  const forwardedFor = [...(headers['x-forwarded-for'] ?? []), sourceIp].join(', ');
  const added = { 'x-forwarded-for': forwardedFor, 'x-forwarded-proto': 'http', 'x-forwarded-port': String(port), 'x-amzn-trace-id': traceId };
  return Object.fromEntries([...named, ...Object.entries(added)]);
}

/** IAM's identity of the signer; there are no user ids here beside the names. */
function identity(key: AccessKey) {
  const id = key.userName ?? key.accountId;
  return {
    accessKey: key.accessKeyId,
    accountId: key.accountId,
    callerId: id,
    cognitoIdentity: null,
    principalOrgId: null,
    userArn: callerArn(key),
    userId: id,
  };
}

/** Decoded; values of one name are joined with commas. */
function queryParameters(rawQuery: string): Readonly<Record<string, string>> | undefined {
  if (rawQuery === '') return undefined;
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(rawQuery)) {
    const earlier = values.get(name);
    values.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  return Object.fromEntries(values);
}

function isTextual(contentType: string | undefined): boolean {
  return /^\s*(?:text\/|application\/(?:json|xml|javascript)\b|[a-z]+\/[\w.+-]+\+(?:json|xml)\b)/i.test(contentType ?? '');
}

/** Common log format: `12/Mar/2020:19:03:58 +0000`. */
function requestTime(timeMs: number): string {
  const [year, month, day, time] = new Date(timeMs).toISOString().split(/[-T.]/);
  return `${day}/${months[Number(month) - 1]}/${year}:${time} +0000`;
}
