/** What a request of a function URL names: which, and the path that the function sees. */
export interface UrlTarget {
  readonly urlId: string;
  /** Undecoded, from its first slash, without the query string. */
  readonly rawPath: string;
  readonly rawQuery: string;
}

const pathPrefix = '/_cloister/url/';
const hostPattern = /^([a-z0-9-]{1,63})\.lambda-url\.[a-z0-9-]+\.[^:]+(?::\d+)?$/i;
const idCharacters = 'abcdefghijklmnopqrstuvwxyz234567';

/** 160 bits in 32 characters, so that no URL can be guessed, and none is made twice. */
export function makeUrlId(random: (size: number) => Uint8Array): string {
  return Array.from(random(32), (byte) => idCharacters[byte & 31]).join('');
}

/** The path form: it works wherever the API itself is reached, without any name to resolve. */
export function formatFunctionUrl(host: string, urlId: string): string {
  return `http://${host}${pathPrefix}${urlId}/`;
}

/**
 * Reads a request's host name (`ID.lambda-url.REGION.anything`) or path (`/_cloister/url/ID/…`); undefined when it is for the API.
 * SECURITY: decided from the same bytes that everything after it uses; a host name wins, as every path of it is the function's.
 */
export function functionUrlTarget(request: { readonly host: string | undefined; readonly url: string }): UrlTarget | undefined {
  const { host = '', url } = request;
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const rawQuery = mark < 0 ? '' : url.slice(mark + 1);
  const named = hostPattern.exec(host)?.[1];
  if (named !== undefined) return { urlId: named.toLowerCase(), rawPath: path.startsWith('/') ? path : `/${path}`, rawQuery };
  if (!path.startsWith(pathPrefix)) return undefined;
  const rest = path.slice(pathPrefix.length);
  const slash = rest.indexOf('/');
  return { urlId: (slash < 0 ? rest : rest.slice(0, slash)).toLowerCase(), rawPath: slash < 0 ? '/' : rest.slice(slash), rawQuery };
}
