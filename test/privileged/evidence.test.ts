import { readFileSync, writeFileSync } from 'node:fs';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';

type Walls = Readonly<Record<string, Readonly<Record<string, { readonly value: unknown; readonly readFrom: string }>>>>;

/** `cloister env inspect` says what the kernel says: it is changed behind Cloister's back, and the output follows. */
describe('cloister env inspect', () => {
  let daemon: RunningDaemon;
  let lambda: LambdaClient;
  let id: string;
  let pids: readonly number[];

  beforeAll(async () => {
    daemon = await startDaemon();
    lambda = daemon.lambda();
    await deploy(lambda, { name: 'inspected', runtime: 'nodejs24.x', files: { 'index.js': 'exports.handler = async () => 1;' }, MemorySize: 256 });
    await invoke(lambda, 'inspected');
    [{ id, pids }] = JSON.parse((await daemon.cli('env', 'list', '--json')).stdout) as [{ id: string; pids: number[] }];
  });
  afterAll(() => daemon[Symbol.asyncDispose]());

  const inspect = async (): Promise<Walls> => JSON.parse((await daemon.cli('env', 'inspect', id, '--json')).stdout) as Walls;

  it('gives every fact with its value and the place it was read from', async () => {
    const walls = await inspect();
    for (const [wall, facts] of Object.entries(walls)) {
      expect(Object.keys(facts).length, wall).toBeGreaterThan(0);
      for (const [fact, reading] of Object.entries(facts)) {
        expect(Object.keys(reading).toSorted(), `${wall} ${fact}`).toEqual(['readFrom', 'value']);
        expect(reading.readFrom, `${wall} ${fact}`).toMatch(/\w/);
      }
    }
  });

  it('sets the namespaces beside those of the host, and each is another', async () => {
    const { namespaces } = await inspect();
    for (const name of ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup', 'time']) {
      expect(namespaces?.[name]?.value, name).toEqual(expect.any(Number));
      expect(namespaces?.[name]?.value, name).not.toBe(namespaces?.[`${name}OfHost`]?.value);
    }
  });

  it('follows a limit that somebody else has changed', async () => {
    const path = processLimitFile(pids[0] ?? 0);
    const before = (await inspect())['cgroups']?.['processesMax'];
    expect(String(before?.value)).toBe(readFileSync(path, 'utf8').trim());
    writeFileSync(path, '777');
    expect(String((await inspect())['cgroups']?.['processesMax']?.value)).toBe('777');
    writeFileSync(path, String(before?.value));
  });

  it('says the same to people, a line per fact', async () => {
    const { stdout } = await daemon.cli('env', 'inspect', id);
    const { seccomp, privileges } = await inspect();
    expect(stdout).toMatch(new RegExp(`mode +${seccomp?.['mode']?.value} +${seccomp?.['mode']?.readFrom}`));
    expect(stdout).toContain(String(privileges?.['capabilitiesBounding']?.value));
  });
});

/** The file is found from the process alone: proc(5) names its group, mountinfo where that is. */
function processLimitFile(pid: number): string {
  const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  const v1 = /^\d+:pids:(.+)$/m.exec(groups)?.[1];
  if (v1 !== undefined) return `${/ (\/\S*\/pids) .* - cgroup /.exec(mounts)?.[1]}${v1}/pids.max`;
  return `${/ (\/\S+) .* - cgroup2 /.exec(mounts)?.[1]}${/^0::(.+)$/m.exec(groups)?.[1]}/pids.max`;
}
