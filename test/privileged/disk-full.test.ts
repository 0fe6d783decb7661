import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';
import { OwnDisk } from './own-disk.ts';

const mebibyte = 1_048_576;
const diskReserveMiB = 400;

const python = `
import os, time
MIB = 1048576

def handler(event, context):
    if event['what'] == 'fill':
        with open('/tmp/fill', 'wb', buffering=0) as file:
            for _ in range(event['mebibytes']):
                file.write(os.urandom(MIB))
        return 'filled'
    if event['what'] == 'empty':
        os.unlink('/tmp/fill')
        os.sync()
        return 'emptied'
    end, rounds = time.monotonic() + event['seconds'], 0
    while time.monotonic() < end:
        content = os.urandom(MIB)
        with open('/tmp/own', 'wb', buffering=0) as file:
            file.write(content)
            os.fsync(file.fileno())
        with open('/tmp/own', 'rb') as file:
            if file.read() != content:
                return 'changed'
        rounds += 1
    return rounds
`;

/** A data directory on a small disk of its own, which volumes together promise more than twice over. */
describe('a disk that over-committed volumes fill', () => {
  const disk = OwnDisk.make(2_304);
  const dataDir = join(disk.directory, 'data');
  let daemon: RunningDaemon;
  let lambda: LambdaClient;

  beforeAll(async () => {
    mkdirSync(dataDir, { recursive: true });
    writeFileSync(join(dataDir, 'config.json'), JSON.stringify({ host: { diskReserveMiB, diskOvercommit: 20 } }), { mode: 0o600 });
    daemon = await startDaemon({ dataDir });
    lambda = daemon.lambda();
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    disk[Symbol.dispose]();
  });

  const make = (name: string) => deploy(lambda, { name, runtime: 'python3.13', files: { 'index.py': python }, MemorySize: 512, Timeout: 120 });
  const freeMiB = () => {
    const { bavail, bsize } = statfsSync(disk.directory);
    return (bavail * bsize) / mebibyte;
  };

  /** Leaves this much above the reserve, by a file that is none of Cloister's. */
  const leave = (mebibytes: number) => execFileSync('fallocate', ['-l', `${Math.floor(freeMiB()) - diskReserveMiB - mebibytes}M`, others]);
  const others = join(disk.directory, 'others');

  it('takes back what deleted files held before it refuses a volume', async () => {
    for (const name of ['tidy', 'next']) await make(name);
    expect((await invoke(lambda, 'tidy', { what: 'fill', mebibytes: 400 })).value).toBe('filled');
    expect((await invoke(lambda, 'tidy', { what: 'empty' })).value).toBe('emptied');
    // 512 are needed, and the deleted file's 400 are still the volume's: nothing asked for them yet.
    leave(300);
    expect((await invoke(lambda, 'next', { what: 'steady', seconds: 0.1 })).functionError).toBeUndefined();
    expect(freeMiB()).toBeGreaterThan(diskReserveMiB + 600);
    expect((await invoke(lambda, 'tidy', { what: 'fill', mebibytes: 1 })).value).toBe('filled');
    rmSync(others);
  });

  it('gives no other environment an error, and the daemon goes on to commit', async () => {
    const fillers = ['filler-a', 'filler-b', 'filler-c', 'filler-d'];
    for (const name of [...fillers, 'neighbour']) await make(name);
    // All are there, with empty volumes, before any of them writes.
    for (const name of [...fillers, 'neighbour']) await invoke(lambda, name, { what: 'steady', seconds: 0.1 });
    const noted = kernelErrors();
    let leastFreeMiB = freeMiB();
    const steady = invoke(lambda, 'neighbour', { what: 'steady', seconds: 20 });
    const filling = fillers.map((name) => invoke(lambda, name, { what: 'fill', mebibytes: 490 }));
    const settled = Promise.all(filling);
    let commits = 0;
    for (let running = true; running; ) {
      running = (await Promise.race([settled.then(() => 'done'), delay(100)])) !== 'done';
      leastFreeMiB = Math.min(leastFreeMiB, freeMiB());
      if (leastFreeMiB < diskReserveMiB && commits < 5) await make(`commit-${commits++}`);
    }
    const outcomes = await settled;
    // They wanted more than there was: somebody had to go, and not everybody.
    expect(daemon.errors()).toMatch(/the host's disk is filling: ended what writes most/);
    expect(outcomes.some(({ value }) => value === 'filled')).toBe(true);
    expect(leastFreeMiB).toBeLessThan(diskReserveMiB);
    expect(leastFreeMiB).toBeGreaterThan(diskReserveMiB / 4);
    expect(commits).toBeGreaterThan(0);
    const { value, functionError } = await steady;
    expect(functionError, JSON.stringify(value)).toBeUndefined();
    expect(value).toBeGreaterThan(5);
    expect(kernelErrors()).toEqual(noted);
    await make('afterwards');
  });

  it('has no volume given while the reserve would be needed for it', async () => {
    const environments = JSON.parse((await daemon.cli('env', 'list', '--json')).stdout) as { id: string }[];
    for (const { id } of environments) await daemon.cli('env', 'stop', id);
    await make('too-late');
    leave(400);
    await expect(invoke(lambda, 'too-late', { what: 'steady', seconds: 0.1 })).rejects.toMatchObject({ $metadata: { httpStatusCode: 429 } });
    rmSync(others);
    expect((await invoke(lambda, 'too-late', { what: 'steady', seconds: 0.1 })).functionError).toBeUndefined();
  });

  /**
   * What ext4 of the volumes and of the disk says in the kernel's log about writes that failed. Not among them: that a finished write covers only a
   * part of its extent, which a kernel with CONFIG_EXT4_DEBUG remarks on before it splits the extent (ext4_convert_unwritten_extents_endio).
   */
  function kernelErrors(): string[] {
    const log = execFileSync('dmesg', { encoding: 'utf8', maxBuffer: 1 << 26 });
    return log
      .split('\n')
      .filter((line) => /I\/O error, dev loop|EXT4-fs error|EXT4-fs warning.*loop|lost async page write/.test(line))
      .filter((line) => !line.includes('ext4_convert_unwritten_extents_endio'));
  }
});
