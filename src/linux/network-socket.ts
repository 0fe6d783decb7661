import { closeSync } from 'node:fs';
import koffi from 'koffi';
import { SystemCallError, systemCall } from './libc.ts';

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;
const SOCK_NONBLOCK = 0x800;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCGIFINDEX = 0x8933;
const IFF_UP = 1;

koffi.struct('sockaddr_in', { family: 'uint16_t', port: 'uint16_t', address: 'uint32_t', zero: koffi.array('uint8_t', 8) });
const socketCall = systemCall('int socket(int domain, int type, int protocol)');
const connectCall = systemCall('int connect(int fd, sockaddr_in *address, uint32_t length)');
const bindCall = systemCall('int bind(int fd, sockaddr_in *address, uint32_t length)');
const setsockopt = systemCall('int setsockopt(int fd, int level, int name, int *value, uint32_t length)');
const ioctlInterface = systemCall('int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)');

const addressBytes = 16;

/** 127.0.0.1 in network order, whatever else is asked for. */
function loopback(port: number): object {
  return { family: AF_INET, port: ((port & 0xff) << 8) | (port >> 8), address: 0x0100007f, zero: new Array<number>(8).fill(0) };
}

/** A TCP socket bound to 127.0.0.1:`port` of the network namespace this thread is in, not yet listening. */
export function bindLoopbackSocket(port: number): number {
  const fd = socketCall(undefined, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  try {
    setsockopt(undefined, fd, SOL_SOCKET, SO_REUSEADDR, [1], 4);
    bindCall(`127.0.0.1:${port}`, fd, loopback(port), addressBytes);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

/** What waits in a connection to be read or sent belongs to no control group of who is at its other end. */
export interface SocketBuffers {
  readonly sendBytes: number;
  readonly receiveBytes: number;
}

/** A TCP socket of the network namespace this thread is in, for `connectLoopback`. It never blocks; its buffers do not grow beyond what is said here. */
export function openLoopbackClient({ sendBytes, receiveBytes }: SocketBuffers): number {
  const fd = socketCall(undefined, AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  try {
    // socket(7): the kernel doubles what it is told, for its own book-keeping.
    setsockopt(undefined, fd, SOL_SOCKET, SO_SNDBUF, [sendBytes / 2], 4);
    setsockopt(undefined, fd, SOL_SOCKET, SO_RCVBUF, [receiveBytes / 2], 4);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

/** Begins a connection to 127.0.0.1:`port`, or asks how one that was begun is getting on (connect(2), EINPROGRESS and EALREADY). */
export function connectLoopback(fd: number, port: number): 'connected' | 'refused' | 'underWay' | 'timedOut' {
  try {
    connectCall(`127.0.0.1:${port}`, fd, loopback(port), addressBytes);
    return 'connected';
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    if (error.errno === 'EINPROGRESS' || error.errno === 'EALREADY') return 'underWay';
    if (error.errno === 'EISCONN') return 'connected';
    if (error.errno === 'ETIMEDOUT') return 'timedOut';
    if (error.errno === 'ECONNREFUSED' || error.errno === 'ECONNRESET' || error.errno === 'ECONNABORTED') return 'refused';
    throw error;
  }
}

/** Brings a link of this thread's network namespace up (netdevice(7), SIOCSIFFLAGS). */
export function setLinkUp(name: string): void {
  const fd = socketCall(undefined, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  try {
    const request = Buffer.alloc(40);
    request.write(name, 0, 15, 'latin1');
    ioctlInterface(name, fd, SIOCGIFFLAGS, request);
    request.writeUInt16LE(request.readUInt16LE(16) | IFF_UP, 16);
    ioctlInterface(name, fd, SIOCSIFFLAGS, request);
  } finally {
    closeSync(fd);
  }
}

/** The index of a link of this thread's network namespace (netdevice(7), SIOCGIFINDEX). */
export function linkIndexOf(name: string): number {
  const fd = socketCall(undefined, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  try {
    const request = Buffer.alloc(40);
    request.write(name, 0, 15, 'latin1');
    ioctlInterface(name, fd, SIOCGIFINDEX, request);
    return request.readInt32LE(16);
  } finally {
    closeSync(fd);
  }
}
