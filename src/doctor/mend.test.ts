import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Check, runChecks } from './check.ts';
import { mend } from './mend.ts';
import { raiseNamespaceLimits } from './mend-namespace-limits.ts';

/** A host whose checks fail until what they need was done. */
function brokenHost(needs: Readonly<Record<string, Partial<Check> & { readonly until: string }>>) {
  const done: string[] = [];
  const checks = Object.entries(needs).map(
    ([id, { until, ...rest }]): Check => ({
      id,
      severity: 'required',
      why: `why ${id}`,
      fix: `fix ${id}`,
      measure: () => ({ ok: done.includes(until), found: '' }),
      ...rest,
    }),
  );
  const said: string[] = [];
  const run = async () => {
    const measure = (some: readonly Check[]) => runChecks(some, { isRoot: true });
    await mend(await measure(checks), (line) => said.push(line), {
      measure,
      installPackages: async (names) => {
        if (names.includes('broken')) throw new Error('no such\npackage');
        done.push(...names);
      },
      loadModules: async (names) => {
        done.push(...names);
      },
    });
  };
  return { checks, done, said, run };
}

const own = (done: readonly string[], what: string) => async () => {
  (done as string[]).push(what);
  return `ran ${what}`;
};

describe('mend()', () => {
  it('installs packages first, and goes no further with what that mended', async () => {
    const made: string[] = [];
    const host = brokenHost({
      a: { until: 'pack', packages: ['pack'], modules: ['never'], mend: own(made, 'never') },
      b: { until: 'module', packages: ['other'], modules: ['module'], mend: own(made, 'never') },
    });
    await host.run();
    expect(host.done).toEqual(['pack', 'other', 'module']);
    expect(made).toEqual([]);
    expect(host.said).toContain('a needs the packages pack: why a');
    expect(host.said).toContain('b needs the modules module: why b');
  });

  it('says why, what it ran, and what no command mends', async () => {
    const host = brokenHost({ user: { until: 'useradd' }, kernel: { until: 'reboot' } });
    await host.run();
    expect(host.said).toEqual(['user: no command mends this: fix user', 'kernel: no command mends this: fix kernel']);
    const other = brokenHost({ user: { until: 'useradd', mend: async () => 'ran useradd cloister' } });
    await other.run();
    expect(other.said).toEqual(['user: why user', '  ran useradd cloister']);
  });

  it('goes on after a step that fails, and says so in one line', async () => {
    const made: string[] = [];
    const host = brokenHost({
      a: { until: 'x', packages: ['broken'] },
      b: { until: 'y', mend: () => Promise.reject(new Error('it may be somebody’s')) },
      c: { until: 'z', mend: own(made, 'z') },
    });
    await host.run();
    expect(host.said).toContain('  packages could not be mended: no such: package');
    expect(host.said).toContain('  b could not be mended: it may be somebody’s');
    expect(made).toEqual(['z']);
  });

  it('does nothing on a host that is well', async () => {
    const host = brokenHost({ a: { until: 'pack', packages: ['pack'] } });
    host.done.push('pack');
    await host.run();
    expect(host.said).toEqual([]);
    expect(host.done).toEqual(['pack']);
  });
});

describe('raiseNamespaceLimits()', () => {
  it('raises what is too low, leaves what is enough, and keeps both for the next boot', () => {
    const directory = mkdtempSync(join(tmpdir(), 'cloister-limits-'));
    try {
      const settingsFile = join(directory, 'sysctl.conf');
      const set = (kind: string, value: number) => writeFileSync(join(directory, `max_${kind}_namespaces`), `${value}\n`);
      set('user', 0);
      set('time', 96_365);
      expect(raiseNamespaceLimits(['user', 'time'], { directory, settingsFile })).toContain('sysctl -w user.max_user_namespaces=65536');
      expect(readFileSync(join(directory, 'max_user_namespaces'), 'utf8')).toMatch(/^65536/);
      expect(readFileSync(join(directory, 'max_time_namespaces'), 'utf8')).toBe('96365\n');
      expect(() => raiseNamespaceLimits(['user', 'time'], { directory, settingsFile })).toThrow(/no limit/);
      set('time', 0);
      raiseNamespaceLimits(['user', 'time'], { directory, settingsFile });
      expect(readFileSync(settingsFile, 'utf8')).toBe('user.max_user_namespaces = 65536\nuser.max_time_namespaces = 65536\n');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
