import { release } from 'node:os';
import type { Check } from '../check.ts';

const needed = [5, 19] as const;

/** The kernel's version; single features are measured by the checks that follow. */
export const kernelVersionCheck: Check = {
  id: 'kernel-version',
  severity: 'required',
  why: 'erofs images are mounted with shifted ids, which Linux can since 5.19',
  fix: 'install a newer kernel: Debian 12 and later, Ubuntu 22.10 and later have one',
  measure: () => ({ ok: isAtLeast(release(), needed), found: `Linux ${release()}` }),
};

/** Compares the first two numbers of a kernel release. */
export function isAtLeast(kernelRelease: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = kernelRelease.split(/[.-]/).map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
