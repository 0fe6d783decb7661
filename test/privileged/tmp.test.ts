import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';
import { fillFromSeed } from './key-from-seed.ts';
import { type Found, searchMemory } from './memory-search.ts';
import { OwnDisk } from './own-disk.ts';
import { type Extent, extentsOf, readRaw } from './raw-extents.ts';

const bootstrap = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while :; do
  id=$(curl -s -D - -o /tmp/event "$api/next" | tr -d '\\r' | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //Ip')
  marker=$(tr -d '"' < /tmp/event)
  yes "$marker" | head -c 2097152 > "/tmp/name-$marker"
  sync
  curl -s -o /dev/null -d "\\"$marker\\"" "$api/$id/response"
done
`;

interface TmpWall {
  readonly backingFile: string;
  readonly device: string;
  readonly contentsMode: string;
}

function forgetCaches(): void {
  execFileSync('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
}

/** The data directory is on a disk of the test's own: on some hosts not even root may read the host's. */
describe('/tmp at rest', () => {
  const marker = `cloister-marker-${process.hrtime.bigint()}`;
  let daemon: RunningDaemon;
  let environment: { readonly id: string; readonly pids: readonly number[] };
  let tmp: TmpWall;
  const disk = OwnDisk.make(1_536);
  const { device } = disk;
  let extents: readonly Extent[] = [];

  beforeAll(async () => {
    const dataDir = join(disk.directory, 'data');
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'config.json'), JSON.stringify({ host: { diskReserveMiB: 0 } }), { mode: 0o600 });
    daemon = await startDaemon({ dataDir });
    const lambda = daemon.lambda();
    await deploy(lambda, { name: 'marker', runtime: 'provided.al2023', files: { bootstrap } });
    expect((await invoke(lambda, 'marker', marker)).value).toBe(marker);
    [environment] = JSON.parse((await daemon.cli('env', 'list', '--json')).stdout) as [typeof environment];
    const walls = JSON.parse((await daemon.cli('env', 'inspect', environment.id, '--json')).stdout) as {
      tmp: Record<keyof TmpWall, { value: string }>;
    };
    tmp = { backingFile: walls.tmp.backingFile.value, device: walls.tmp.device.value, contentsMode: walls.tmp.contentsMode.value };
    forgetCaches();
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    disk[Symbol.dispose]();
  });

  it('shows neither what is written nor its name in the backing file or on the loop device', () => {
    // The positive control: through the environment's own root both are there in clear.
    const clear = `/proc/${environment.pids[0]}/root/tmp/name-${marker}`;
    expect(readFileSync(clear).includes(Buffer.from(marker))).toBe(true);
    expect(tmp.contentsMode).toBe('AES-256-XTS');
    expect(readFileSync(tmp.backingFile).includes(Buffer.from(marker))).toBe(false);
    expect(readFileSync(tmp.device).includes(Buffer.from(marker))).toBe(false);
  });

  it('is noise on the block device below the file, too', () => {
    extents = extentsOf(tmp.backingFile);
    const bytes = readRaw(device, extents);
    // What was read is the volume: the file says the same, and holds two MiB that do not compress.
    const file = readFileSync(tmp.backingFile);
    for (const extent of extents.slice(0, 8))
      expect(readRaw(device, [extent]).equals(file.subarray(extent.logical, extent.logical + extent.length))).toBe(true);
    expect(bytes.length).toBeGreaterThan(2 * 1024 * 1024);
    expect(bytes.includes(Buffer.from(marker))).toBe(false);
  });

  it('would be found by this search if it were there in clear', () => {
    const path = join(daemon.dataDir, 'control');
    writeFileSync(path, `${marker}\n`.repeat(10_000));
    forgetCaches();
    const found = readRaw(device, extentsOf(path)).includes(Buffer.from(marker));
    rmSync(path);
    expect(found).toBe(true);
  });

  it('is gone with its environment: file, device and mount, and its blocks on the device below are noise', async () => {
    await daemon.cli('env', 'stop', environment.id);
    await expect.poll(() => existsSync(tmp.backingFile)).toBe(false);
    await expect.poll(() => existsSync(`/sys/block/${tmp.device.replace('/dev/', '')}/loop/backing_file`)).toBe(false);
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(daemon.dataDir);
    expect(readdirSync(join(daemon.dataDir, 'volumes'))).toEqual([]);
    forgetCaches();
    expect(extents.length).toBeGreaterThan(0);
    expect(readRaw(device, extents).includes(Buffer.from(marker))).toBe(false);
  });
});

/** A process of the agent's own code with a key that the test knows. */
class VolumeProcess {
  readonly #child: ChildProcess;
  readonly #steps: AsyncIterator<string>;

  constructor(directory: string, seed: number) {
    const program = fileURLToPath(new URL('volume-under-test.ts', import.meta.url));
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', program, directory, String(seed)];
    this.#child = spawn('unshare', ['--mount', '--propagation', 'private', '--', ...node], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#steps = createInterface({ input: this.#child.stdout as Readable })[Symbol.asyncIterator]();
  }

  async reach(step: string): Promise<void> {
    expect((await this.#steps.next()).value).toBe(step);
  }

  goOn(): void {
    this.#child.stdin?.write('.');
  }

  search(bytes: Buffer): Found[] {
    return searchMemory(this.#child.pid as number, bytes);
  }

  async ended(): Promise<void> {
    await once(this.#child, 'exit');
  }
}

it('its key is in locked memory that is never dumped while the kernel takes it, and nowhere in the process afterwards', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cloister-key-'));
  const seed = randomInt(1, 2 ** 31);
  const key = Buffer.alloc(64);
  fillFromSeed(key, seed);
  const volume = new VolumeProcess(directory, seed);
  await volume.reach('ready');
  volume.goOn();
  await volume.reach('filled');
  // The positive control: the search finds the key while it is there, once.
  const held = volume.search(key);
  expect(held).toHaveLength(1);
  expect(held[0]?.flags).toEqual(expect.arrayContaining(['lo', 'dd', 'wf']));
  volume.goOn();
  await volume.reach('opened');
  for (let at = 0; at < key.length; at += 16) expect(volume.search(key.subarray(at, at + 16))).toEqual([]);
  volume.goOn();
  await volume.reach('closed');
  for (let at = 0; at < key.length; at += 16) expect(volume.search(key.subarray(at, at + 16))).toEqual([]);
  volume.goOn();
  await volume.ended();
  rmSync(directory, { recursive: true });
});
