import { closeSync } from 'node:fs';
import koffi from 'koffi';
import { systemCall } from './libc.ts';

const O_CLOEXEC = 0x80000;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0x80000;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_NOEXEC_SEAL = 8;
const F_ADD_SEALS = 1033;
const F_SEAL_SEAL = 1;
const F_SEAL_SHRINK = 2;
const F_SEAL_GROW = 4;

const pipe2 = systemCall('int pipe2(_Out_ int *fds, int flags)');
const socketpair = systemCall('int socketpair(int domain, int type, int protocol, _Out_ int *fds)');
const memfdCreate = systemCall('int memfd_create(const char *name, unsigned int flags)');
const ftruncate = systemCall('int ftruncate(int fd, int64_t length)');
const fcntlSeals = systemCall('int fcntl(int fd, int command, int argument)');

interface Pair {
  readonly first: number;
  readonly second: number;
}

/** A real pipe (pipe(7)): unlike Node's stdio sockets it can be opened again as /dev/stderr. Both ends close on exec. */
export function makePipe(): { readonly read: number; readonly write: number } {
  const { first, second } = pair((fds) => pipe2(undefined, fds, O_CLOEXEC));
  return { read: first, write: second };
}

/** A connected pair of UNIX sockets; `seqpacket` keeps message boundaries. */
export function makeSocketPair(type: 'stream' | 'seqpacket'): Pair {
  const kind = type === 'stream' ? SOCK_STREAM : SOCK_SEQPACKET;
  return pair((fds) => socketpair(undefined, AF_UNIX, kind | SOCK_CLOEXEC, 0, fds));
}

/** A memory file whose size can never change again (memfd_create(2), F_ADD_SEALS): who writes to it cannot fill the host. */
export function makeFixedSizeMemoryFile(name: string, sizeBytes: number): number {
  const fd = memfdCreate(undefined, name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  try {
    ftruncate(undefined, fd, sizeBytes);
    fcntlSeals(undefined, fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

/** Closes each descriptor; one that is closed already is no error. */
export function closeAll(...fds: readonly number[]): void {
  for (const fd of fds) {
    try {
      closeSync(fd);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBADF') throw error;
    }
  }
}

function pair(make: (fds: number[]) => void): Pair {
  const fds = [0, 0];
  make(fds);
  const [first, second] = fds as [number, number];
  return { first, second };
}

const iovec = koffi.struct('iovec', { iov_base: 'void *', iov_len: 'size_t' });
const msghdr = koffi.struct('msghdr', {
  msg_name: 'void *',
  msg_namelen: 'uint32_t',
  msg_iov: koffi.pointer(iovec),
  msg_iovlen: 'size_t',
  msg_control: 'void *',
  msg_controllen: 'size_t',
  msg_flags: 'int',
});
void msghdr;
const sendmsg = systemCall('long sendmsg(int fd, msghdr *message, int flags)');
const MSG_NOSIGNAL = 0x4000;
const MSG_DONTWAIT = 0x40;

/** Sends one descriptor with an eight-byte token in front of it (unix(7), SCM_RIGHTS); the peer then holds a copy of its own. */
export function sendDescriptor(socket: number, token: number, fd: number): void {
  const data = Buffer.alloc(8);
  data.writeBigUInt64LE(BigInt(token));
  // struct cmsghdr of one int: cmsg_len 20, SOL_SOCKET 1, SCM_RIGHTS 1, the descriptor; 24 bytes with padding.
  const control = Buffer.alloc(24);
  control.writeBigUInt64LE(20n, 0);
  control.writeInt32LE(1, 8);
  control.writeInt32LE(1, 12);
  control.writeInt32LE(fd, 16);
  const message = {
    msg_name: null,
    msg_namelen: 0,
    msg_iov: [{ iov_base: data, iov_len: data.length }],
    msg_iovlen: 1,
    msg_control: control,
    msg_controllen: control.length,
    msg_flags: 0,
  };
  sendmsg(undefined, socket, message, MSG_NOSIGNAL | MSG_DONTWAIT);
}
