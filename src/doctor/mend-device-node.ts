import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CloisterError } from '../errors.ts';
import { makeCharacterDevice } from '../linux/device-node.ts';

const miscMajor = 10;

/** Makes the node of a device that the kernel says it has (/proc/misc), for root alone. Rejects when the kernel has no such device. */
export function mendDeviceNode(name: string, path: string): string {
  const [, minor] = new RegExp(`^\\s*(\\d+) ${name}$`, 'm').exec(readFileSync('/proc/misc', 'utf8')) ?? [];
  if (minor === undefined) throw new CloisterError('HostUnfit', `this kernel has no device ${name}`, { operation: 'make device node', path });
  if (existsSync(path)) throw new CloisterError('HostUnfit', 'the device is there, and could not be used', { operation: 'make device node', path });
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  makeCharacterDevice(path, { major: miscMajor, minor: Number(minor), mode: 0o600 });
  return `ran mknod -m 600 ${path} c ${miscMajor} ${minor}`;
}
