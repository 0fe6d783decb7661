import { describe, expect, it } from 'vitest';
import { resourceLimits } from './privileges.ts';

describe('resourceLimits()', () => {
  const core = (corePattern: string) => resourceLimits({ corePattern }).find(({ type }) => type === 'RLIMIT_CORE');

  it('writes no core files', () => expect(core('/var/crash/%p')).toMatchObject({ soft: 0, hard: 0 }));

  it('has the kernel start no program of the host for core dumps', () =>
    expect(core('|/usr/lib/systemd/systemd-coredump %P')).toMatchObject({ soft: 1, hard: 1 }));
});
