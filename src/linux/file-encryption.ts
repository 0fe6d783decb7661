import { closeSync, openSync } from 'node:fs';
import { systemCall } from './libc.ts';

// Documentation/filesystems/fscrypt.rst of the kernel.
const FS_IOC_SET_ENCRYPTION_POLICY = 0x800c6613;
const FS_IOC_ADD_ENCRYPTION_KEY = 0xc0506617;
const FS_IOC_REMOVE_ENCRYPTION_KEY = 0xc0406618;
const FS_IOC_GET_ENCRYPTION_POLICY_EX = 0xc0096616;
const FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER = 2;
const FSCRYPT_MODE_AES_256_XTS = 1;
const FSCRYPT_MODE_AES_256_CTS = 4;
const FSCRYPT_POLICY_FLAGS_PAD_32 = 3;
const FSCRYPT_POLICY_V2 = 2;

const ioctl = systemCall('int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)');

/** Gives the kernel a raw key for the file system that `directory` is on; answers its 16-byte identifier. The caller wipes `key`. */
export function addEncryptionKey(directory: string, key: Buffer): Buffer {
  const argument = Buffer.alloc(80 + key.length);
  try {
    argument.writeUInt32LE(FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER, 0);
    argument.writeUInt32LE(key.length, 40);
    key.copy(argument, 80);
    withDirectory(directory, (fd) => ioctl(directory, fd, FS_IOC_ADD_ENCRYPTION_KEY, argument));
    return Buffer.from(argument.subarray(8, 24));
  } finally {
    argument.fill(0);
  }
}

/** Encrypts everything that will be made in an empty directory with the key: contents AES-256-XTS, names AES-256-CTS. */
export function setEncryptionPolicy(directory: string, keyIdentifier: Buffer): void {
  const policy = Buffer.alloc(24);
  policy.set([FSCRYPT_POLICY_V2, FSCRYPT_MODE_AES_256_XTS, FSCRYPT_MODE_AES_256_CTS, FSCRYPT_POLICY_FLAGS_PAD_32]);
  keyIdentifier.copy(policy, 8);
  withDirectory(directory, (fd) => ioctl(directory, fd, FS_IOC_SET_ENCRYPTION_POLICY, policy));
}

/** Takes the key from the kernel: what is encrypted with it is noise from then on. */
export function removeEncryptionKey(directory: string, keyIdentifier: Buffer): void {
  const argument = Buffer.alloc(64);
  argument.writeUInt32LE(FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER, 0);
  keyIdentifier.copy(argument, 8);
  withDirectory(directory, (fd) => ioctl(directory, fd, FS_IOC_REMOVE_ENCRYPTION_KEY, argument));
}

/** What the kernel says of a directory's encryption: modes and key identifier. Throws ENODATA's SystemCall when it has none. */
export function readEncryptionPolicy(directory: string): {
  readonly contentsMode: number;
  readonly namesMode: number;
  readonly keyIdentifier: string;
} {
  const argument = Buffer.alloc(32);
  argument.writeBigUInt64LE(24n, 0);
  withDirectory(directory, (fd) => ioctl(directory, fd, FS_IOC_GET_ENCRYPTION_POLICY_EX, argument));
  return { contentsMode: argument.readUInt8(9), namesMode: argument.readUInt8(10), keyIdentifier: argument.toString('hex', 16, 32) };
}

function withDirectory(directory: string, work: (fd: number) => void): void {
  const fd = openSync(directory, 'r');
  try {
    work(fd);
  } finally {
    closeSync(fd);
  }
}
