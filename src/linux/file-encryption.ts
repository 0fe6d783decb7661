import { closeSync, openSync } from 'node:fs';
import { systemCall } from './libc.ts';
import { fillRandom, withSecretPage } from './secret-page.ts';

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
const keyBytes = 64;

const ioctl = systemCall('int ioctl(int fd, unsigned long request, void *argument)');

/** Writes a new key's bytes; whoever gives one must not keep them. */
export type FillKey = (key: Buffer) => void;

/**
 * Makes a key and gives it to the kernel for the file system that `directory` is on; answers its 16-byte identifier. SECURITY: the key is made where the
 * kernel reads it, in locked memory, and wiped; no other copy of it ever is in this process.
 */
export function addEncryptionKey(directory: string, fill: FillKey = fillRandom): Buffer {
  return withSecretPage((page) => {
    const argument = page.subarray(0, 80 + keyBytes);
    argument.writeUInt32LE(FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER, 0);
    argument.writeUInt32LE(keyBytes, 40);
    fill(argument.subarray(80));
    withDirectory(directory, (fd) => ioctl(directory, fd, FS_IOC_ADD_ENCRYPTION_KEY, argument));
    return Buffer.from(argument.subarray(8, 24));
  });
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
