import { connect } from 'node:net';
import type { WireRequest } from './signed-http.ts';

/** What came back on a connection. */
export interface RawExchange {
  /** 0 when the server closed without any. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The bytes of a request, to be bent before they are sent. */
export function wireBytes({ method, target, headers, body = Buffer.alloc(0) }: WireRequest, more: readonly string[] = []): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const framing = [...lines, ...more].some((line) => /^(content-length|transfer-encoding):/i.test(line))
    ? []
    : [`content-length: ${body.byteLength}`];
  const head = [`${method} ${target} HTTP/1.1`, ...lines, ...framing, ...more, '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

/** The bytes of a request without body whose head was bent. */
export function rawHead(request: WireRequest, change: (head: string) => string): Buffer {
  return Buffer.from(change(wireBytes(request).toString('latin1')), 'latin1');
}

/** Writes bytes as they are and reads one answer, or until the server closes; throws when neither comes in time. */
export async function rawExchange(endpoint: string, bytes: Buffer, options: { patienceMs: number; thenEnd?: boolean }): Promise<RawExchange> {
  const { hostname, port } = new URL(endpoint);
  const socket = connect({ host: hostname, port: Number(port) });
  let received = '';
  let silent = false;
  socket.setEncoding('utf8');
  socket.on('data', (chunk) => {
    received += String(chunk);
    if (parseFirst(received).isWhole) socket.end();
  });
  // A server that refuses early may reset while we still send; what it said before counts.
  socket.on('error', () => {});
  socket.setTimeout(options.patienceMs, () => {
    silent = true;
    socket.destroy();
  });
  const closed = new Promise((resolve) => {
    socket.on('close', resolve);
  });
  socket.write(bytes);
  if (options.thenEnd === true) socket.end();
  await closed;
  if (silent) throw new Error(`the server neither answered nor closed within ${options.patienceMs} ms: ${received}`);
  return parseFirst(received);
}

/** The first answer that is not an interim one. */
function parseFirst(received: string): RawExchange & { readonly isWhole: boolean } {
  const text = received.replace(/^HTTP\/1\.1 1\d\d .*?\r\n\r\n/s, '');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return { status: 0, headers: {}, body: '', isWhole: false };
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
  const rest = Buffer.from(text.slice(end + 4));
  const length = headers['content-length'];
  const isWhole = length === undefined ? rest.toString().endsWith('0\r\n\r\n') : rest.byteLength >= Number(length);
  return {
    status: Number(statusLine.split(' ')[1] ?? 0),
    headers,
    body: rest.subarray(0, length === undefined ? undefined : Number(length)).toString(),
    isWhole,
  };
}
