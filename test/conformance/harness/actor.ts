/**
 * Runs inside an execution environment, as its runtime or as one of its extensions, and does nothing by itself: a test on the host tells it, over a
 * UNIX socket in /tmp, what bytes to write to which port, and it tells what came back. Orders and reports are lines of JSON.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Order, Report } from './actor-protocol.ts';

const role = process.argv[2] ?? 'runtime';
const functionName = process.env['AWS_LAMBDA_FUNCTION_NAME'] ?? '';
const sockets = new Map<number, Socket>();
const early: Report[] = [];
let tell = (report: Report): void => void early.push(report);

/** Sockets of processes that have ended stay in /tmp: they number the processes of an environment. */
function nextAddress(): { readonly path: string; readonly generation: number } {
  for (let generation = 1; ; generation += 1) {
    const path = `/tmp/actor.${functionName}.${role}.${generation}`;
    if (!existsSync(path)) return { path, generation };
  }
}

function watch(id: number, socket: Socket): void {
  sockets.set(id, socket);
  socket.setNoDelay(true);
  let error: string | null = null;
  socket.on('data', (data: Buffer) => tell({ id, data: data.toString('base64'), atMs: performance.now() }));
  socket.on('end', () => tell({ id, ended: true, atMs: performance.now() }));
  socket.on('error', (cause: NodeJS.ErrnoException) => {
    error = cause.code ?? cause.message;
  });
  socket.on('close', () => {
    sockets.delete(id);
    tell({ id, closed: true, error, atMs: performance.now() });
  });
}

function listen(id: number, port: number): void {
  let accepted = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted += 1;
    const connection = id + accepted;
    tell({ id, accepted: connection, atMs: performance.now() });
    watch(connection, socket);
  });
  server.on('error', (cause: NodeJS.ErrnoException) => tell({ id, closed: true, error: cause.code ?? cause.message, atMs: performance.now() }));
  server.listen(port, '127.0.0.1', () => tell({ id, open: true, atMs: performance.now() }));
}

function onSignal(signal: NodeJS.Signals, then: 'exit' | 'stay'): void {
  process.removeAllListeners(signal);
  process.on(signal, () => {
    tell({ signal, atMs: performance.now() });
    // The report is in the kernel before the process ends: writes to a UNIX socket are not put off.
    if (then === 'exit') setImmediate(() => process.exit(0));
  });
}

function answer(what: Extract<Order, { do: 'ask' }>): unknown {
  switch (what.what) {
    case 'files':
      return readdirSync(what.path ?? '/tmp');
    case 'read':
      return readFileSync(what.path ?? '', 'utf8');
    case 'write':
      return writeFileSync(what.path ?? '', what.text ?? '');
    case 'now':
      return performance.now();
    case 'unsent':
      return sockets.get(what.id ?? 0)?.writableLength ?? 0;
  }
}

function open(id: number, port: number): void {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.once('connect', () => tell({ id, open: true, atMs: performance.now() }));
  watch(id, socket);
}

function write({ id, data, times }: Extract<Order, { do: 'write' }>): void {
  const bytes = Buffer.from(data, 'base64');
  sockets.get(id)?.write(times === 1 ? bytes : Buffer.alloc(bytes.length * times, bytes));
}

function handle({ do: how, id }: Extract<Order, { do: 'end' | 'destroy' | 'reset' | 'pause' | 'resume' }>): void {
  const socket = sockets.get(id);
  if (how === 'end') socket?.end();
  else if (how === 'destroy') socket?.destroy();
  else if (how === 'reset') socket?.resetAndDestroy();
  else if (how === 'pause') socket?.pause();
  else socket?.resume();
}

function reply(order: Extract<Order, { do: 'ask' }>): Report {
  try {
    return { tag: order.tag, value: answer(order) ?? null };
  } catch (error) {
    return { tag: order.tag, value: null, error: String(error) };
  }
}

function obey(order: Order): void {
  switch (order.do) {
    case 'connect':
      open(order.id, order.port);
      break;
    case 'listen':
      listen(order.id, order.port);
      break;
    case 'write':
      write(order);
      break;
    case 'exit':
      process.exit(order.status);
      break;
    case 'raise':
      process.kill(process.pid, order.signal);
      break;
    case 'onSignal':
      onSignal(order.signal, order.then);
      break;
    case 'print':
      writeSync(order.descriptor, order.text);
      tell({ tag: order.tag, value: null });
      break;
    case 'ask':
      tell(reply(order));
      break;
    default:
      handle(order);
  }
}

onSignal('SIGTERM', 'exit');
const { path, generation } = nextAddress();
createServer((control) => {
  tell = (report) => void control.write(`${JSON.stringify(report)}\n`);
  const { pid, env } = process;
  tell({ hello: { role, pid, generation, cwd: process.cwd(), uid: process.getuid?.() ?? -1, variables: { ...env } as Record<string, string> } });
  for (const report of early.splice(0)) tell(report);
  control.on('error', () => undefined);
  createInterface({ input: control }).on('line', (line) => obey(JSON.parse(line) as Order));
}).listen(path);
