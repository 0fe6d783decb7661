import type { FunctionUrlCors } from '../../functions/function-url.ts';
import type { UrlAnswer, UrlHead } from './url-answer.ts';

type Headers = Readonly<NodeJS.Dict<string[]>>;

/** The answer to a pre-flight request of the Fetch standard, which is ours and no invocation; undefined when it is none. */
export function preflightAnswer(cors: FunctionUrlCors, request: { readonly method: string; readonly headers: Headers }): UrlAnswer | undefined {
  const { method, headers } = request;
  if (method !== 'OPTIONS' || headers['origin'] === undefined || headers['access-control-request-method'] === undefined) return undefined;
  const origin = allowedOrigin(cors, headers['origin'][0]);
  const allowed: [string, string][] =
    origin === undefined
      ? []
      : [
          ...listed('access-control-allow-methods', cors.AllowMethods),
          ...listed('access-control-allow-headers', cors.AllowHeaders),
          ...(cors.MaxAge === undefined ? [] : [['access-control-max-age', String(cors.MaxAge)] as [string, string]]),
        ];
  return { status: 200, headers: [...originHeaders(cors, origin), ...allowed], body: Buffer.alloc(0) };
}

/** A function's answer with the URL's own cross-origin headers, which replace the function's. */
export function withCors<A extends UrlHead>(answer: A, cors: FunctionUrlCors | undefined, headers: Headers): A {
  if (cors === undefined) return answer;
  const kept = answer.headers.filter(([name]) => !name.startsWith('access-control-'));
  const origin = allowedOrigin(cors, headers['origin']?.[0]);
  const exposed = origin === undefined ? [] : listed('access-control-expose-headers', cors.ExposeHeaders);
  return { ...answer, headers: [...kept, ...originHeaders(cors, origin), ...exposed] };
}

function originHeaders(cors: FunctionUrlCors, origin: string | undefined): [string, string][] {
  // What is answered depends on who asks: a cache must not give it to another.
  const vary: [string, string][] = [['vary', 'Origin']];
  if (origin === undefined) return vary;
  const credentials: [string, string][] = cors.AllowCredentials === true ? [['access-control-allow-credentials', 'true']] : [];
  return [['access-control-allow-origin', origin], ...credentials, ...vary];
}

/** The one value that may be sent: `*` as it is, so that a browser refuses it together with credentials, or the origin itself. */
function allowedOrigin({ AllowOrigins = [] }: FunctionUrlCors, origin: string | undefined): string | undefined {
  if (origin === undefined) return undefined;
  if (AllowOrigins.includes('*')) return '*';
  return AllowOrigins.some((allowed) => originMatches(allowed.toLowerCase(), origin.toLowerCase())) ? origin : undefined;
}

/** `https://*` and `https://*.example.com` have one wildcard; more are not taken. */
function originMatches(allowed: string, origin: string): boolean {
  const [before = '', after, ...rest] = allowed.split('*');
  if (after === undefined) return allowed === origin;
  return rest.length === 0 && origin.length >= before.length + after.length && origin.startsWith(before) && origin.endsWith(after);
}

function listed(name: string, values: readonly string[] | undefined): [string, string][] {
  return values === undefined || values.length === 0 ? [] : [[name, values.join(',')]];
}
