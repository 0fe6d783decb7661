import koffi from 'koffi';
import { CloisterError } from '../errors.ts';

const libc = koffi.load('libc.so.6');
const errnoNames = new Map<number, string>(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]));

type Native = (...args: unknown[]) => number;

/** Declares a libc function that answers -1 and sets errno on failure; the wrapper throws `SystemCall` with the errno's name instead. */
export function systemCall(prototype: string): (path: string | undefined, ...args: unknown[]) => number {
  const native = libc.func(prototype) as unknown as Native;
  const name = /(\w+)\s*\(/.exec(prototype)?.[1] ?? prototype;
  return (path, ...args) => {
    const result = native(...args);
    if (result < 0) throw systemCallError(name, path);
    return result;
  };
}

/** The error of the libc call that just failed on this thread. */
export function systemCallError(name: string, path?: string): SystemCallError {
  return new SystemCallError(name, errnoNames.get(koffi.errno()) ?? String(koffi.errno()), path);
}

/** A refused system call; `errno` is its symbolic name (errno(3)). */
export class SystemCallError extends CloisterError {
  readonly errno: string;

  constructor(call: string, errno: string, path?: string) {
    super('SystemCall', `${call} answered ${errno}`, path === undefined ? { operation: call } : { operation: call, path });
    this.errno = errno;
  }
}
