import koffi from 'koffi';
import { CloisterError } from '../errors.ts';

const libc = koffi.load('libc.so.6');
const iovec = koffi.struct('receive_iovec', { iov_base: 'void *', iov_len: 'size_t' });
koffi.struct('receive_msghdr', {
  msg_name: 'void *',
  msg_namelen: 'uint32_t',
  msg_iov: koffi.pointer(iovec),
  msg_iovlen: 'size_t',
  msg_control: 'void *',
  msg_controllen: 'size_t',
  msg_flags: 'int',
});
const recvmsg = libc.func('long recvmsg(int fd, _Inout_ receive_msghdr *message, int flags)') as unknown as (
  fd: number,
  message: object,
  flags: number,
) => number;

const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x40000000;

/** The one kernel call of the daemon's side: takes the next descriptor that waits on `socket`, with the token the agent put before it. Never blocks. */
export function receiveDescriptor(socket: number): { readonly token: number; readonly fd: number } {
  const data = Buffer.alloc(8);
  const control = Buffer.alloc(24);
  const message = {
    msg_name: null,
    msg_namelen: 0,
    msg_iov: [{ iov_base: data, iov_len: data.length }],
    msg_iovlen: 1,
    msg_control: control,
    msg_controllen: control.length,
    msg_flags: 0,
  };
  const received = recvmsg(socket, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const isRights = control.readInt32LE(8) === 1 && control.readInt32LE(12) === 1;
  if (received !== data.length || !isRights) throw new CloisterError('AgentGone', 'no descriptor arrived', { operation: 'receive descriptor' });
  return { token: Number(data.readBigUInt64LE()), fd: control.readInt32LE(16) };
}
