import { readFileSync } from 'node:fs';
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { deploy } from './functions.ts';

/** What one function may do to its neighbours, by the names in bombs.py. */
export const bombs = {
  cpu: 'spins on every processor',
  fork: 'forks without end',
  memory: 'takes memory until it is killed, again and again',
  disk: 'fills /tmp with writes and syncs',
  log: 'writes to its log as fast as it can',
  descriptors: 'opens every descriptor of 64 processes',
  inodes: 'makes files without end',
  signals: 'sends signals to all of 64 processes',
  connections: 'floods its Runtime API with connections',
  pages: 'reads every file of its image, past the page cache',
  calls: 'makes cheap system calls',
} as const;

export type BombName = keyof typeof bombs;
export const bombNames = Object.keys(bombs) as BombName[];

/** Creates the function that holds all bombs; each invocation sets one off. */
export async function deployBombs(lambda: LambdaClient, name: string, memorySizeMiB: number): Promise<void> {
  const source = readFileSync(new URL('bombs.py', import.meta.url));
  await deploy(lambda, { name, runtime: 'python3.13', files: { 'index.py': source }, MemorySize: memorySizeMiB, Timeout: 60 });
}

/** Sets a bomb off; one that is ended for what it does is set off again, until so many seconds are over. Resolves with how often it was. */
export async function explode(lambda: LambdaClient, name: string, bomb: BombName, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1_000;
  let count = 0;
  for (let leftMs = seconds * 1_000; leftMs > 0; leftMs = end - performance.now()) {
    count += 1;
    // What ends it is not the matter here: out of memory, too many connections, no answer.
    await lambda
      .send(new InvokeCommand({ FunctionName: name, Payload: JSON.stringify({ bomb, seconds: Math.max(0.1, leftMs / 1_000) }) }))
      .catch(() => undefined);
  }
  return count;
}
