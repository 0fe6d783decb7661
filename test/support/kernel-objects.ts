import { closeSync, writeSync } from 'node:fs';
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)') as unknown as (domain: number, type: number, protocol: number) => number;
const bind = libc.func('int bind(int fd, const void *address, uint32_t length)') as unknown as (
  fd: number,
  address: Buffer,
  length: number,
) => number;
const getsockname = libc.func('int getsockname(int fd, void *address, void *length)') as unknown as (fd: number, a: Buffer, l: Buffer) => number;
const connect = libc.func('int connect(int fd, const void *address, uint32_t length)') as unknown as (
  fd: number,
  a: Buffer,
  length: number,
) => number;
const pipe2 = libc.func('int pipe2(void *fds, int flags)') as unknown as (fds: Buffer, flags: number) => number;

const AF_INET = 2;
const SOCK_STREAM = 1;
const CLOEXEC = 0o2000000;

/** A bound TCP socket on the loopback that does not listen yet: what the host agent hands over for the Runtime API. */
export function bindLoopbackSocket(): { readonly descriptor: number; readonly port: number } {
  const descriptor = socket(AF_INET, SOCK_STREAM | CLOEXEC, 0);
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt32BE(0x7f000001, 4);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  if (descriptor < 0 || bind(descriptor, address, address.length) !== 0 || getsockname(descriptor, address, length) !== 0) {
    throw new Error('no loopback socket could be bound');
  }
  return { descriptor, port: address.readUInt16BE(2) };
}

/** A connection to 127.0.0.1 as the host agent hands it over; undefined when nothing listens there. */
export function connectLoopback(port: number): number | undefined {
  const descriptor = socket(AF_INET, SOCK_STREAM | CLOEXEC, 0);
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt16BE(port, 2);
  address.writeUInt32BE(0x7f000001, 4);
  if (connect(descriptor, address, address.length) === 0) return descriptor;
  closeSync(descriptor);
  return undefined;
}

/** Connects and writes before the event loop turns: both wait in the kernel, unaccepted. Returns the descriptor. */
export function connectAndWrite(port: number, text: string): number {
  const descriptor = connectLoopback(port);
  if (descriptor === undefined) throw new Error('no connection could be made');
  writeSync(descriptor, text);
  return descriptor;
}

/** A real pipe, as an environment's stdout is. */
export function openPipe(): { readonly readEnd: number; readonly writeEnd: number } {
  const descriptors = Buffer.alloc(8);
  if (pipe2(descriptors, CLOEXEC) !== 0) throw new Error('no pipe could be made');
  return { readEnd: descriptors.readInt32LE(0), writeEnd: descriptors.readInt32LE(4) };
}
