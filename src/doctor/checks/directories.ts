import { chmodSync, chownSync, existsSync, mkdirSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Check } from '../check.ts';

const mode = 0o755;
const writableByOthers = 0o022;
const wantedFreeMiB = 4_096;

/** The data directory: root's, and nobody else's to write. */
export function dataDirectoryCheck(path: string): Check {
  return {
    id: 'data-directory',
    severity: 'required',
    why: 'functions, images, keys and logs are kept in it; who can write there owns every function',
    fix: `install -d -m 755 -o root -g root ${path}`,
    measure: () => {
      if (!existsSync(path)) return { ok: false, found: `${path} does not exist` };
      const stat = statSync(path);
      const ok = stat.isDirectory() && stat.uid === 0 && (stat.mode & writableByOthers) === 0;
      return { ok, found: `${path}, owner ${stat.uid}, mode ${(stat.mode & 0o7777).toString(8)}` };
    },
    mend: async () => {
      mkdirSync(path, { recursive: true, mode });
      chownSync(path, 0, 0);
      chmodSync(path, mode);
      return `made ${path}`;
    },
  };
}

/** Room for runtimes and for the /tmp of environments. */
export function diskSpaceCheck(path: string): Check {
  return {
    id: 'disk-space',
    severity: 'advice',
    why: `building all runtimes takes about ${wantedFreeMiB / 1024} GiB, and the /tmp of running functions comes on top`,
    fix: 'make room, or choose another data directory with --data-dir',
    measure: () => {
      let existing = path;
      while (!existsSync(existing)) existing = dirname(existing);
      const { bavail, bsize } = statfsSync(existing);
      const freeMiB = Math.floor((bavail * bsize) / 1024 / 1024);
      return { ok: freeMiB >= wantedFreeMiB, found: `${(freeMiB / 1024).toFixed(1)} GiB free at ${existing}` };
    },
  };
}
