/** One HTTP answer as it came: nothing of it is normalised but the chunks put together. */
export interface HttpAnswer {
  readonly statusLine: string;
  readonly status: number;
  /** In their order and their own spelling. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly trailers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  readonly text: string;
  /** How the body was framed. */
  readonly framing: 'length' | 'chunked' | 'none';
  /** Undefined when there is none; names are compared without case. */
  header(name: string): string | undefined;
  /** The body as JSON. */
  json(): Record<string, unknown>;
}

interface Head {
  readonly statusLine: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly bodyStart: number;
}

/** The first whole answer in these bytes and how many of them it takes; undefined while more must come. */
export function parseHttpAnswer(bytes: Buffer): { readonly answer: HttpAnswer; readonly length: number } | undefined {
  const head = parseHead(bytes);
  if (head === undefined) return undefined;
  const find = finder(head.headers);
  const status = Number(head.statusLine.split(' ')[1]);
  if (find('transfer-encoding') === 'chunked') {
    const whole = parseChunks(bytes, head.bodyStart);
    return whole && { answer: toAnswer(head, status, whole), length: whole.length };
  }
  const length = status === 204 || status === 304 || status < 200 ? 0 : Number(find('content-length') ?? 0);
  if (bytes.length < head.bodyStart + length) return undefined;
  const body = Buffer.from(bytes.subarray(head.bodyStart, head.bodyStart + length));
  const framing = find('content-length') === undefined ? 'none' : 'length';
  return { answer: toAnswer(head, status, { body, trailers: [], framing }), length: head.bodyStart + length };
}

function parseHead(bytes: Buffer): Head | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  return { statusLine, headers: lines.map(splitHeader), bodyStart: end + 4 };
}

function parseChunks(bytes: Buffer, start: number) {
  const chunks: Buffer[] = [];
  let at = start;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    at = lineEnd + 2;
    if (size === 0) break;
    if (bytes.length < at + size + 2) return undefined;
    chunks.push(bytes.subarray(at, at + size));
    at += size + 2;
  }
  const trailers: (readonly [string, string])[] = [];
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const line = bytes.toString('latin1', at, lineEnd);
    at = lineEnd + 2;
    if (line === '') return { body: Buffer.concat(chunks), trailers, framing: 'chunked' as const, length: at };
    trailers.push(splitHeader(line));
  }
}

function toAnswer({ statusLine, headers }: Head, status: number, rest: Pick<HttpAnswer, 'body' | 'trailers' | 'framing'>): HttpAnswer {
  const text = rest.body.toString();
  const { body, trailers, framing } = rest;
  return {
    statusLine,
    status,
    headers,
    trailers,
    framing,
    body,
    text,
    header: finder(headers),
    json: () => JSON.parse(text) as Record<string, unknown>,
  };
}

function splitHeader(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

function finder(headers: readonly (readonly [string, string])[]): (name: string) => string | undefined {
  return (name) => headers.find(([one]) => one.toLowerCase() === name.toLowerCase())?.[1];
}
