import { readFileSync } from 'node:fs';
import { runCommand } from '../../linux/run-command.ts';
import type { Check } from '../check.ts';

const noLogin = '/usr/sbin/nologin';

const users = [
  { name: 'cloister', why: 'the daemon, which reads what strangers send, runs as it and has no right on the host' },
  { name: 'cloister-builder', why: 'archives are unpacked as it, by a process that can do nothing else' },
] as const;

/** The users that programs of ours run as. */
export const serviceUserChecks: readonly Check[] = users.map(({ name, why }) => ({
  id: `user-${name}`,
  severity: 'required',
  why,
  fix: `useradd ${arguments_(name).join(' ')}`,
  measure: () => {
    const user = findUser(readFileSync('/etc/passwd', 'utf8'), name);
    if (user === undefined) return { ok: false, found: 'there is no such user' };
    const locked = /\/(nologin|false)$/.test(user.shell);
    if (user.uid === 0 || !locked) return { ok: false, found: `uid ${user.uid} with shell ${user.shell}: it must be no root and no login` };
    return { ok: true, found: `uid ${user.uid}, no login` };
  },
  mend: async () => {
    await runCommand('useradd', arguments_(name));
    return `made the system user ${name}`;
  },
}));

/** A user of a passwd(5) text. */
export function findUser(passwd: string, name: string): { readonly uid: number; readonly shell: string } | undefined {
  for (const line of passwd.split('\n')) {
    const [user, , uid, , , , shell] = line.split(':');
    if (user === name && uid !== undefined) return { uid: Number(uid), shell: shell ?? '' };
  }
  return undefined;
}

function arguments_(name: string): string[] {
  return ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent', '--shell', noLogin, name];
}
