import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { zip } from '../../bench/zip.ts';
import { AgentClient } from '../../src/agent/agent-client.ts';
import { closeAll } from '../../src/linux/descriptor.ts';
import { linkRuntimes } from '../runtimes.ts';
import { interleavings, runInterleaving } from '../support/reuse-interleaving.ts';
import { composeRig } from '../support/reuse-rig.ts';
import { countOnHost, type HostCount } from './leftovers.ts';
import { startAgentUnderTest } from './raw-daemon.ts';

const accounts = ['111111111111', '222222222222'];
const interleavingCount = 200;
const maxEnvironments = 3;

/** The daemon's pool and environments over a real agent and the real driver, on a clock that the test moves. */
describe('environments of the real driver under any order of create, invoke, update, publish, delete, crash and reclaim', () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-reuse-'));
  const instance = createHash('sha256').update(dataDirectory).digest('hex').slice(0, 8);
  const digests = new Map<string, string>();
  let before: HostCount;
  let client: AgentClient;
  let end: () => Promise<void>;

  beforeAll(async () => {
    before = countOnHost(dataDirectory, instance);
    await linkRuntimes(dataDirectory);
    const gone = Promise.withResolvers<void>();
    const { agent, control, descriptors } = startAgentUnderTest(dataDirectory);
    const exited = once(agent, 'exit');
    client = new AgentClient({ control, descriptors, onGone: gone.resolve });
    end = async () => {
      client.close();
      await exited;
      closeAll(descriptors);
    };
    for (const code of [1, 2]) {
      const archive = await zip({ bootstrap: compileMark(code) });
      for (const accountId of accounts) {
        const { digest } = await client.buildImage(archive, { accountId, maxUnpackedBytes: 10_000_000 });
        digests.set(`${accountId}/${code}`, digest);
      }
    }
  });

  afterAll(async () => {
    await end?.();
    // Namespaces have no name: those of other instances on this host come and go in the same count.
    const { networkNamespaces: _others, ...left } = countOnHost(dataDirectory, instance);
    expect(left).toEqual({ ...before, networkNamespaces: undefined, runFiles: [] });
    rmSync(dataDirectory, { recursive: true });
  });

  function compileMark(code: number): Buffer {
    const binary = join(dataDirectory, `mark-${code}`);
    const source = fileURLToPath(new URL('programs/mark.c', import.meta.url));
    const flags = ['-static', '-O2', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', `-DCODE="${code}"`];
    execFileSync('gcc', [...flags, '-o', binary, source]);
    return readFileSync(binary);
  }

  /** Environments that have a control group now: the kernel's count. */
  function living(): number {
    const groups = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup'].map((root) => join(root, `cloister-${instance}`)).find((path) => existsSync(path));
    return groups === undefined ? 0 : readdirSync(groups).filter((name) => name.startsWith('env-')).length;
  }

  /** SIGKILL from the host, by the pids that the kernel counts in the environment's group. */
  async function kill(environmentId: string, what: 'runtime' | 'init'): Promise<void> {
    const pids = await client.processes(environmentId).catch(() => [] as readonly number[]);
    for (const pid of pids) {
      try {
        const isInit = /^NSpid:.*\s1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
        if (isInit === (what === 'init')) process.kill(pid, 'SIGKILL');
      } catch {
        // It ended first.
      }
    }
  }

  it(`have one owner, are never lost, never too many, and all destroyed in the end, in ${interleavingCount} of them`, async () => {
    const rig = composeRig(client, {
      runtime: 'provided.al2023',
      maxEnvironments,
      codeDigest: (accountId, code) => digests.get(`${accountId}/${code}`) ?? '',
      living,
      kill,
    });
    const seen = { invocations: 0, reuses: 0, resets: 0, failures: 0, refusals: 0, mostLiving: 0 };
    let runs = 0;
    // A failure prints its seed and path, with which fc.assert runs it again. It is not shrunk: that would take hours.
    await fc.assert(
      fc.asyncProperty(interleavings(14), async (commands) => {
        const run = await runInterleaving(rig, commands);
        runs += 1;
        for (const key of Object.keys(seen) as (keyof typeof seen)[])
          seen[key] = key === 'mostLiving' ? Math.max(seen[key], run[key]) : seen[key] + run[key];
      }),
      { numRuns: interleavingCount, endOnFailure: true },
    );
    expect(rig.problems).toEqual([]);
    expect(runs).toBe(interleavingCount);
    // The runs were about something.
    expect(seen.mostLiving).toBe(maxEnvironments);
    expect(seen.invocations).toBeGreaterThan(400);
    expect(Math.min(seen.reuses, seen.failures)).toBeGreaterThan(10);
    expect(seen.resets).toBeGreaterThan(0);
  }, 300_000);

  it('were made of equal images of two accounts, which are two files', () => {
    for (const code of [1, 2]) {
      const [mine = '', theirs = ''] = accounts.map((accountId) => digests.get(`${accountId}/${code}`));
      expect(mine).toBe(theirs);
      const files = accounts.map((accountId) => statSync(join(dataDirectory, 'images', accountId, `${mine}.erofs`)));
      expect(files[0]?.ino).not.toBe(files[1]?.ino);
      expect(files[0]?.nlink).toBe(1);
    }
  });
});
