import type { Attack } from '../attack.ts';
import { type NothingFound, namespaceReading } from '../explain.ts';
import { byGoals } from './by-goals.ts';

/** A file that is covered with nothing reads as empty. */
const covered: NothingFound = ({ pid, mounts }) => {
  const covers = mounts.filter(({ target, type }) => target.startsWith('/proc/') && type !== 'proc');
  return { stoppedBy: 'masked paths', reading: `${covers.length} paths of /proc are covered (/proc/${pid}/mountinfo)` };
};

const rootfs = (name: string, what: string, nothingFound: NothingFound = (kernel) => namespaceReading('mnt', kernel)): Attack =>
  byGoals({ id: `rootfs.${name}`, wall: 'rootfs', what, nothingFound });

export const rootfsAttacks: readonly Attack[] = [
  rootfs('write', 'a new file in every directory but /tmp'),
  rootfs('masked-paths', 'files of /proc that tell of the kernel and of neighbours', covered),
  rootfs('host-files', "a file of the host's, through every way an old root might be left"),
  rootfs('links', 'symbolic links in the code and in /tmp, hard links, renaming of mount points'),
  rootfs('devices', 'device nodes: memory, disks, virtual machines, terminals'),
  rootfs('mount-table', "paths of the host's in mountinfo"),
  byGoals({ id: 'cgroups.leave', wall: 'cgroups', what: 'moving itself to another control group' }),
];
