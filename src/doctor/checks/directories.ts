import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CloisterError } from '../../errors.ts';
import type { Check } from '../check.ts';

const mode = 0o755;
const writableByOthers = 0o022;
const sticky = 0o1000;
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
    mend: async () => mendDirectory(path),
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

/**
 * Makes the data directory, or makes an empty one root's alone. SECURITY: --data-dir may name anything. A directory that holds something stays as it is: it
 * may be somebody's, and what others could write into it must not become Cloister's; so do shared places and home directories. What is looked at is what
 * is changed: one descriptor, and no link is followed from there.
 */
function mendDirectory(path: string): string {
  mkdirSync(path, { recursive: true, mode });
  const real = realpathSync(path);
  const directory = openSync(real, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const foreign = readdirSync(`/proc/self/fd/${directory}`).find((name) => name !== 'lost+found');
    if (foreign !== undefined)
      throw notOurs(real, `others could write in it, and it holds ${foreign}: look at what is in there, then mend it yourself`);
    if ((fstatSync(directory).mode & sticky) !== 0) throw notOurs(real, 'it is shared by all users: choose another with --data-dir');
    if (isHomeDirectory(real)) throw notOurs(real, 'it is the home directory of a user: choose another with --data-dir');
    fchownSync(directory, 0, 0);
    fchmodSync(directory, mode);
  } finally {
    closeSync(directory);
  }
  return `ran install -d -m ${mode.toString(8)} -o root -g root ${real}`;
}

function isHomeDirectory(path: string): boolean {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .some((line) => line.split(':')[5] === path);
}

function notOurs(path: string, reason: string): CloisterError {
  return new CloisterError('HostUnfit', reason, { operation: 'mend data directory', path });
}
