import { ociSeccomp } from '../../isolation/seccomp/oci-seccomp.ts';
import { tabled } from '../../isolation/seccomp/system-call-table.ts';
import { unknownToLibseccomp } from '../../linux/libseccomp.ts';
import type { Check } from '../check.ts';

/** Whether runc would load the whole filter. crun is given it compiled. */
export const seccompNamesCheck: Check = {
  id: 'seccomp-names',
  severity: 'advice',
  why: 'crun loads the filter of system calls as Cloister compiled it; with runc, libseccomp compiles it and leaves out calls that it cannot name',
  fix: 'apt-get install crun, or a newer libseccomp2',
  packages: ['crun'],
  measure: () => {
    const names = [...new Set(ociSeccomp(tabled(process.arch)).syscalls.flatMap((rule) => rule.names))];
    const missing = unknownToLibseccomp(names);
    if (missing === undefined) return { ok: false, found: 'no libseccomp' };
    return missing.length === 0
      ? { ok: true, found: `libseccomp names all ${names.length} calls` }
      : { ok: false, found: `libseccomp does not name ${missing.join(', ')}` };
  },
};
