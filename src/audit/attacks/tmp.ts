import { randomBytes } from 'node:crypto';
import type { Attack, Attempt, Verdict } from '../attack.ts';
import { judgeByGoals } from '../explain.ts';
import { backingFileOf, mountOf } from '../kernel-view.ts';
import { searchFile } from '../search-file.ts';
import { byGoals } from './by-goals.ts';

/** The volume under /tmp, as the host has it. */
function volumeOf({ outside }: Attempt): { readonly device: string; readonly backingFile: string | undefined } {
  const device = mountOf('/tmp', outside.before.mounts)?.device ?? '';
  return { device, backingFile: backingFileOf(device) };
}

function withVolume(attempt: Attempt): Verdict {
  const verdict = judgeByGoals(attempt);
  const { device, backingFile } = volumeOf(attempt);
  const evidence = `${verdict.evidence}; ${Object.entries(attempt.inside.facts)
    .filter(([name]) => name !== 'inherited')
    .map(([name, value]) => `${value} ${name}`)
    .join(', ')}; /tmp is the device ${device} on ${backingFile ?? 'nothing'}`;
  const { neighbour } = attempt.outside;
  return {
    ...verdict,
    evidence,
    stoppedBy: verdict.blocked ? 'size of the volume' : verdict.stoppedBy,
    ...(neighbour !== undefined && { neighbour }),
  };
}

export const tmpAttacks: readonly Attack[] = [
  {
    id: 'tmp.fill',
    wall: 'tmp',
    what: 'more bytes in /tmp than were configured',
    takesSeconds: true,
    run: async (context) => withVolume(await context.attack('tmp.fill', { mebibytes: 640 }, { neighbour: true })),
  },
  {
    id: 'tmp.inodes',
    wall: 'tmp',
    what: 'files without end in /tmp',
    takesSeconds: true,
    run: async (context) => withVolume(await context.attack('tmp.inodes', { files: 36_000 }, { neighbour: true })),
  },
  byGoals({ id: 'tmp.encryption-requests', wall: 'tmp', what: "ioctl requests for the volume's keys and policy" }),
  byGoals({ id: 'tmp.device-files', wall: 'tmp', what: 'device nodes and root-owned programs in /tmp' }),
  {
    id: 'tmp.at-rest',
    wall: 'tmp',
    what: "a marker's bytes and name, looked for on the host's disk",
    run: async (context) => {
      const marker = `audit-${randomBytes(16).toString('hex')}`;
      const attempt = await context.attack('tmp.marker', { marker });
      const { device, backingFile } = volumeOf(attempt);
      if (backingFile === undefined) return { blocked: false, stoppedBy: 'unknown', evidence: `the device ${device} of /tmp has no file behind it` };
      const { found, searchedBytes } = await searchFile(backingFile, Buffer.from(marker));
      const written = attempt.inside.steps.every(({ result }) => result >= 0);
      const evidence = `${found ? 'found' : 'not found'} in ${searchedBytes} bytes that ${backingFile} holds after fsync (/sys/dev/block/${device}/loop/backing_file)`;
      if (!written) return { blocked: false, stoppedBy: 'unknown', evidence: 'the marker could not be written' };
      return { blocked: !found, stoppedBy: found ? 'nothing' : 'encryption', evidence };
    },
  },
];
