import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { CloisterError } from '../errors.ts';

/** The bytes an argument stands for: itself, the file of `@FILE`, or standard input for `-`. */
export async function readPayload(argument: string, operation: string): Promise<Buffer> {
  if (argument === '-') return buffer(process.stdin);
  if (!argument.startsWith('@')) return Buffer.from(argument);
  const path = argument.slice(1);
  try {
    return await readFile(path);
  } catch (cause) {
    throw new CloisterError('BadMessage', `the payload could not be read: ${(cause as Error).message}`, { operation, path, cause });
  }
}
