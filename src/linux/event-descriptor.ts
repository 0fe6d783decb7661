import { Socket } from 'node:net';
import { closeAll, makePipe } from './descriptor.ts';
import { systemCall } from './libc.ts';

const EFD_CLOEXEC = 0x80000;
const EFD_NONBLOCK = 0x800;
const O_CLOEXEC = 0x80000;

const eventfd = systemCall('int eventfd(unsigned int initial, int flags)');
const dup3 = systemCall('int dup3(int from, int to, int flags)');

/**
 * A descriptor of a kernel event counter (eventfd(2)): `register` gets its number, and names it to the kernel; `listener` is called each time the
 * kernel has counted since. Ends with the disposal.
 */
export function watchKernelEvents(register: (descriptor: number) => void, listener: () => void): Disposable {
  const counter = eventfd(undefined, 0, EFD_CLOEXEC | EFD_NONBLOCK);
  try {
    register(counter);
    const { read, write } = makePipe();
    // Node takes pipes and sockets only. Its event loop waits for whatever the number stands for when this turn of it ends: the counter.
    const socket = new Socket({ fd: read, readable: true, writable: false });
    dup3(undefined, counter, read, O_CLOEXEC);
    closeAll(write);
    socket.on('data', listener);
    socket.on('error', () => undefined);
    socket.unref();
    return { [Symbol.dispose]: () => void socket.destroy() };
  } finally {
    closeAll(counter);
  }
}
