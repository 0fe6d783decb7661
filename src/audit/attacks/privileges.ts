import type { Attack } from '../attack.ts';
import { judgeByGoals, type NothingFound, privileges } from '../explain.ts';
import { byGoals } from './by-goals.ts';

const status: NothingFound = (kernel) => ({ stoppedBy: 'no privilege', reading: privileges(kernel) });

const ofPrivileges = (name: string, what: string, nothingFound = status): Attack =>
  byGoals({ id: `privileges.${name}`, wall: 'privileges', what, nothingFound });

export const privilegeAttacks: readonly Attack[] = [
  ofPrivileges('capabilities', 'capset, the bounding set, ambient capabilities'),
  ofPrivileges('become-root', "setuid, setgid and setgroups to root's"),
  ofPrivileges('no-new-privs', 'no_new_privs off', (kernel) => ({ stoppedBy: 'no_new_privs', reading: privileges(kernel) })),
  ofPrivileges('setuid-programs', 'a set-uid or set-gid program anywhere in its files', ({ pid, mounts }) => ({
    stoppedBy: 'images without set-uid programs',
    reading: `${mounts.filter(({ options }) => options.includes('nosuid')).length} of ${mounts.length} mounts are nosuid (/proc/${pid}/mountinfo)`,
  })),
  ofPrivileges('limits', 'higher resource limits, core dumps'),
  ofPrivileges('priority', 'real-time scheduling, a higher priority, exemption from the out-of-memory killer'),
  ofPrivileges('kernel-log', "the kernel's log by syslog and by device"),
  {
    id: 'privileges.descriptors',
    wall: 'privileges',
    what: 'descriptors left open by what started it, a terminal',
    run: async (context) => {
      const attempt = await context.attack('privileges.descriptors');
      const inherited = attempt.inside.facts['inherited'] ?? '';
      if (inherited !== '') return { blocked: false, stoppedBy: 'nothing', evidence: `descriptors at its start: ${inherited}` };
      const verdict = judgeByGoals(attempt, ({ pid }) => ({ stoppedBy: 'closed descriptors', reading: `/proc/${pid}/fd` }));
      return { ...verdict, evidence: `0 descriptors above 2 at its start; ${verdict.evidence}` };
    },
  },
];
