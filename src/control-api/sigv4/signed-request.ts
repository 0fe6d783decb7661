/** What a signature is computed over, as the client sent it. */
export interface SignedRequest {
  readonly method: string;
  /** Undecoded, without the query string. */
  readonly path: string;
  /** Decoded; a name that came several times has an array. */
  readonly query: Readonly<Record<string, string | string[]>>;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Splits a request target into path and decoded query; undefined when the percent-encoding is broken. */
export function parseTarget(target: string): { readonly path: string; readonly query: Readonly<Record<string, string | string[]>> } | undefined {
  const mark = target.indexOf('?');
  if (mark < 0) return { path: target, query: {} };
  // SECURITY: without a prototype, so that a parameter named __proto__ is a parameter like any other.
  const query: Record<string, string | string[]> = Object.create(null);
  try {
    for (const part of target.slice(mark + 1).split('&')) {
      if (part === '') continue;
      const equals = part.indexOf('=');
      const name = decode(equals < 0 ? part : part.slice(0, equals));
      const value = equals < 0 ? '' : decode(part.slice(equals + 1));
      const earlier = query[name];
      query[name] = earlier === undefined ? value : Array.isArray(earlier) ? [...earlier, value] : [earlier, value];
    }
  } catch {
    return undefined;
  }
  return { path: target.slice(0, mark), query };
}

/** A plus sign that was meant is written %2B: a bare one is a form-encoded space. */
function decode(text: string): string {
  return decodeURIComponent(text.includes('+') ? text.replaceAll('+', ' ') : text);
}
