import { readFileSync } from 'node:fs';
import { CloisterError } from '../../errors.ts';
import type { Check } from '../check.ts';
import { runMendingCommand } from '../mending-command.ts';

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
  mend: () => makeUser(name),
}));

/** A user of a passwd(5) text. */
export function findUser(passwd: string, name: string): { readonly uid: number; readonly shell: string } | undefined {
  for (const line of passwd.split('\n')) {
    const [user, , uid, , , , shell] = line.split(':');
    if (user === name && uid !== undefined) return { uid: Number(uid), shell: shell ?? '' };
  }
  return undefined;
}

function arguments_(name: string, group: readonly string[] = ['--user-group']): string[] {
  return ['--system', ...group, '--no-create-home', '--home-dir', '/nonexistent', '--shell', noLogin, name];
}

/** A user of that name who is there already may be somebody's: they are not touched. */
async function makeUser(name: string): Promise<string> {
  const existing = findUser(readFileSync('/etc/passwd', 'utf8'), name);
  if (existing !== undefined) {
    throw new CloisterError('HostUnfit', `there is a user ${name} already who can log in or is root: rename them, it may be somebody's`, {
      operation: 'make user',
    });
  }
  const group = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .some((line) => line.startsWith(`${name}:`));
  return `ran ${await runMendingCommand('useradd', arguments_(name, group ? ['--gid', name] : ['--user-group']))}`;
}
