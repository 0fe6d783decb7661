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

/** Like systemCall, on a thread of koffi's: for a call that may wait. The thread is in the process's own namespaces. */
export function systemCallAside(prototype: string): (path: string | undefined, ...args: unknown[]) => Promise<number> {
  const native = libc.func(prototype) as unknown as { async(...args: unknown[]): void };
  const name = /(\w+)\s*\(/.exec(prototype)?.[1] ?? prototype;
  return (path, ...args) =>
    new Promise((resolve, reject) => {
      native.async(...args, (error: Error | null, result: number) => {
        // errno belongs to the other thread: what failed is known, not why.
        if (error !== null || result < 0) reject(error ?? new SystemCallError(name, 'an error', path));
        else resolve(result);
      });
    });
}

/** The error of the libc call that just failed on this thread. */
export function systemCallError(name: string, path?: string): SystemCallError {
  return new SystemCallError(name, nameOfErrno(koffi.errno()), path);
}

/** `ENOENT` for 2 (errno(3)). */
export function nameOfErrno(errno: number): string {
  return errnoNames.get(errno) ?? String(errno);
}

/** A refused system call; `errno` is its symbolic name (errno(3)). */
export class SystemCallError extends CloisterError {
  readonly errno: string;

  constructor(call: string, errno: string, path?: string) {
    super('SystemCall', `${call} answered ${errno}`, path === undefined ? { operation: call } : { operation: call, path });
    this.errno = errno;
  }
}
