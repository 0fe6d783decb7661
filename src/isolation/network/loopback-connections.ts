import { setTimeout as delay } from 'node:timers/promises';
import { CloisterError } from '../../errors.ts';
import { closeAll } from '../../linux/descriptor.ts';
import { inNetworkNamespace } from '../../linux/namespaces.ts';
import { connectLoopback, openLoopbackClient } from '../../linux/network-socket.ts';

/** Nothing on a loopback takes longer, but a listener that accepts nobody. */
const timeoutMs = 500;
const maxUnderWay = 4;
const buffers = { sendBytes: 262_144, receiveBytes: 32_768 };

/** Connections into one network namespace, from outside of it. */
export class LoopbackConnections {
  readonly #namespace: number;
  #underWay = 0;

  constructor(namespace: number) {
    this.#namespace = namespace;
  }

  /**
   * A connected, non-blocking TCP socket to 127.0.0.1:`port` of the namespace; the caller closes it. Rejects with `ConnectionRefused`,
   * `ConnectionTimedOut`, or with `NoCapacity` while several others wait.
   * SECURITY: the address is a constant: nobody names another.
   */
  async open(port: number): Promise<number> {
    if (this.#underWay >= maxUnderWay) throw refusal('NoCapacity', 'the environment lets too many connections wait');
    this.#underWay += 1;
    const fd = inNetworkNamespace(this.#namespace, () => openLoopbackClient(buffers));
    try {
      await connect(fd, port);
      return fd;
    } catch (error) {
      closeAll(fd);
      throw error;
    } finally {
      this.#underWay -= 1;
    }
  }
}

/** A listener of the same host answers within the call, unless its queue is full. */
async function connect(fd: number, port: number): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (let pauseMs = 1; ; pauseMs = Math.min(50, pauseMs * 2)) {
    const outcome = connectLoopback(fd, port);
    if (outcome === 'connected') return;
    if (outcome === 'refused') throw refusal('ConnectionRefused', 'nothing listens there in the environment');
    if (outcome === 'timedOut' || performance.now() > end)
      throw refusal('ConnectionTimedOut', 'what listens there in the environment accepts nobody');
    await delay(pauseMs);
  }
}

function refusal(code: 'ConnectionRefused' | 'ConnectionTimedOut' | 'NoCapacity', message: string): CloisterError {
  return new CloisterError(code, message, { operation: 'connect' });
}
