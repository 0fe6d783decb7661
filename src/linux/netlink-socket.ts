import { closeSync } from 'node:fs';
import koffi from 'koffi';
import { nameOfErrno, SystemCallError, systemCall, systemCallAside } from './libc.ts';
import { decodeMessages, encodeMessages, type NetlinkMessage } from './netlink-message.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x80000;
const NETLINK_ROUTE = 0;
const NLMSG_ERROR = 2;
const MSG_DONTWAIT = 0x40;
const receiveBytes = 65_536;

const socketCall = systemCall('int socket(int domain, int type, int protocol)');
const sendPrototype = 'long send(int fd, const uint8_t *data, size_t length, int flags)';
const sendCall = systemCall(sendPrototype);
const sendCallAside = systemCallAside(sendPrototype);
const recvCall = systemCall('long recv(int fd, _Out_ uint8_t *data, size_t length, int flags)');

/** What a message's failure means: `refuse` throws, `absent` takes "it is not there" for done. */
export type OnFailure = 'refuse' | 'absent';

/**
 * A socket to the routing tables (rtnetlink(7)) of the network namespace this thread was in when it was opened: it stays bound to that namespace,
 * whichever one the caller is in later. The kernel works each message off, and queues its answer, before `send` returns: nothing here waits.
 */
export class NetlinkSocket {
  readonly #fd: number;
  #sequence = 1;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  static open(): NetlinkSocket {
    return new NetlinkSocket(socketCall('rtnetlink', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  }

  /** Sends all messages at once; throws the first refusal as `SystemCall`, named after what the messages are for. */
  send(purpose: string, messages: readonly NetlinkMessage[], onFailure: OnFailure = 'refuse'): void {
    const first = this.#number(messages);
    const bytes = encodeMessages(messages, first);
    sendCall(purpose, this.#fd, bytes, bytes.length, 0);
    this.#receiveAnswers({ purpose, first, count: messages.length, onFailure });
  }

  /** Like send(), on another thread: removing a link waits for every processor to have let go of it. One call at a time on one socket. */
  async sendAside(purpose: string, messages: readonly NetlinkMessage[], onFailure: OnFailure = 'refuse'): Promise<void> {
    const first = this.#number(messages);
    const bytes = encodeMessages(messages, first);
    await sendCallAside(purpose, this.#fd, bytes, bytes.length, 0);
    this.#receiveAnswers({ purpose, first, count: messages.length, onFailure });
  }

  #number(messages: readonly NetlinkMessage[]): number {
    const first = this.#sequence;
    this.#sequence += messages.length;
    return first;
  }

  #receiveAnswers({ purpose, first, count, onFailure }: { purpose: string; first: number; count: number; onFailure: OnFailure }): void {
    let failed: SystemCallError | undefined;
    const waiting = new Set(Array.from({ length: count }, (_message, index) => first + index));
    const buffer = Buffer.alloc(receiveBytes);
    while (waiting.size > 0) {
      const length = recvCall(purpose, this.#fd, buffer, buffer.length, MSG_DONTWAIT);
      for (const reply of decodeMessages(buffer.subarray(0, length))) {
        if (reply.type !== NLMSG_ERROR || !waiting.delete(reply.sequence)) continue;
        const errno = -reply.body.readInt32LE(0);
        if (errno !== 0 && !(onFailure === 'absent' && isAbsent(errno)))
          failed ??= new SystemCallError(`${purpose} (message ${reply.sequence - first})`, nameOfErrno(errno));
      }
    }
    if (failed !== undefined) throw failed;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function isAbsent(errno: number): boolean {
  return errno === koffi.os.errno['ENOENT'] || errno === koffi.os.errno['ENODEV'] || errno === koffi.os.errno['ESRCH'];
}
