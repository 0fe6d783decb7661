import { closeSync, openSync } from 'node:fs';
import { SystemCallError, systemCall } from './libc.ts';

const LOOP_CONFIGURE = 0x4c0a;
const LOOP_CLR_FD = 0x4c01;
const LOOP_CTL_GET_FREE = 0x4c82;
const LO_FLAGS_READ_ONLY = 1;
const LO_FLAGS_AUTOCLEAR = 4;
const configSizeBytes = 304;
const infoOffset = 8;

const ioctlNumber = systemCall('int ioctl(int fd, unsigned long request, unsigned long argument)');
const ioctlBuffer = systemCall('int ioctl(int fd, unsigned long request, uint8_t *argument)');

/** Puts a loop device under an image file (loop(4), LOOP_CONFIGURE with autoclear: it goes with its last user). Answers its path and a descriptor that keeps it until a mount does. */
export function attachLoopDevice(image: number, label: string, { readOnly = false } = {}): { readonly device: string; readonly fd: number } {
  const control = openSync('/dev/loop-control', 'r+');
  try {
    // Between GET_FREE and CONFIGURE another process may take the device: EBUSY then, and the next free one is asked for.
    for (let attempt = 0; ; attempt += 1) {
      const device = `/dev/loop${ioctlNumber('/dev/loop-control', control, LOOP_CTL_GET_FREE, 0)}`;
      const fd = openSync(device, readOnly ? 'r' : 'r+');
      try {
        ioctlBuffer(device, fd, LOOP_CONFIGURE, loopConfig(image, label, readOnly));
        return { device, fd };
      } catch (error) {
        closeSync(fd);
        if (!(error instanceof SystemCallError && error.errno === 'EBUSY') || attempt >= 32) throw error;
      }
    }
  } finally {
    closeSync(control);
  }
}

/** Takes the file from a loop device that a killed process left. */
export function clearLoopDevice(device: string): void {
  const fd = openSync(device, 'r');
  try {
    ioctlNumber(device, fd, LOOP_CLR_FD, 0);
  } finally {
    closeSync(fd);
  }
}

/** struct loop_config of linux/loop.h: fd, block size, then struct loop_info64 with flags at 52 and the file's name at 56. */
function loopConfig(image: number, label: string, readOnly: boolean): Buffer {
  const config = Buffer.alloc(configSizeBytes);
  config.writeUInt32LE(image, 0);
  config.writeUInt32LE(LO_FLAGS_AUTOCLEAR | (readOnly ? LO_FLAGS_READ_ONLY : 0), infoOffset + 52);
  config.write(label.slice(-63), infoOffset + 56, 63, 'latin1');
  return config;
}
