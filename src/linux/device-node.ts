import { systemCall } from './libc.ts';

const S_IFCHR = 0o020000;
const mknodCall = systemCall('int mknod(const char *path, uint32_t mode, uint64_t device)');
const chmodCall = systemCall('int chmod(const char *path, uint32_t mode)');

/** Makes the node of a character device (mknod(2)) with exactly this mode. */
export function makeCharacterDevice(path: string, options: { readonly major: number; readonly minor: number; readonly mode: number }): void {
  mknodCall(path, path, S_IFCHR | options.mode, options.major * 256 + options.minor);
  chmodCall(path, path, options.mode);
}
