import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';

/** What the kernel says of the process that reads strangers' bytes. */
describe('the daemon', () => {
  let daemon: RunningDaemon;
  let pid: number;

  beforeAll(async () => {
    daemon = await startDaemon();
    pid = (JSON.parse(readFileSync(join(daemon.dataDir, 'endpoint.json'), 'utf8')) as { daemonPid: number }).daemonPid;
  });

  afterAll(() => daemon[Symbol.asyncDispose]());

  it('is named with the agent in cloister status', async () => {
    const { stdout } = await daemon.cli('status', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ pid: daemon.pid, daemonPid: pid });
  });

  it('runs every thread as the user cloister, without any capability, with no_new_privs and a seccomp filter', () => {
    const uid = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((line) => line.startsWith('cloister:'))
      ?.split(':')[2];
    const threads = readdirSync(`/proc/${pid}/task`);
    expect(threads.length).toBeGreaterThan(4);
    for (const thread of threads) {
      const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
      const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1];
      expect(field('Uid')).toBe(`${uid}\t${uid}\t${uid}\t${uid}`);
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) expect(field(set), set).toBe('0000000000000000');
      expect(field('NoNewPrivs')).toBe('1');
      expect(field('Seccomp')).toBe('2');
      expect(field('Groups')?.trim() ?? '').toBe('');
    }
  });

  it('sees of the host only its code, Node with its libraries, its database, logs and archives', () => {
    const targets = readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [before = '', after = ''] = line.split(' - ');
        const [, , , , target = '', options = ''] = before.split(' ');
        return { target, options: options.split(','), type: after.split(' ')[0] };
      });
    const allowed =
      /^\/(cloister\/(node|src|node_modules|package\.json)|data\/(db|logs|archives)|(lib|lib64|usr\/lib)\/\S+\.so[.\d]*|proc(\/\S*)?|dev(\/(null|zero|full|random|urandom|tty))?)?$/;
    for (const { target } of targets) expect(target).toMatch(allowed);
    const writable = targets
      .filter(({ options, type }) => options.includes('rw') && !['proc', 'tmpfs', 'devtmpfs'].includes(type ?? ''))
      .map(({ target }) => target);
    expect(writable.toSorted()).toEqual(['/data/archives', '/data/db', '/data/logs']);
    const root = join('/proc', String(pid), 'root');
    for (const path of ['etc', 'root', 'home', 'var', 'run', 'data/images', 'data/credentials', 'proc/1/root/etc'])
      expect(existsSync(join(root, path)), path).toBe(false);
  });

  it('has no process of the host in sight', () => {
    expect(readdirSync(`/proc/${pid}/root/proc`).filter((name) => /^\d+$/.test(name))).toEqual(['1']);
  });

  it('holds no descriptor of a host file but those of its own directories', () => {
    const own = ['db', 'logs', 'archives'].map((name) => join(realpathSync(daemon.dataDir), name));
    const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    const files = links.filter(
      (link) => link.startsWith('/') && !link.startsWith('/dev/null') && !own.some((directory) => link.startsWith(`${directory}/`)),
    );
    expect(files.filter((link) => !/^\/data\/(db|logs|archives)\//.test(link) && !link.endsWith('/daemon.log'))).toEqual([]);
    expect(links.filter((link) => link.startsWith('socket:')).length).toBeGreaterThanOrEqual(3);
  });

  it('cannot read the keys, the images or the journal', () => {
    for (const name of ['credentials', 'images', 'journal', 'volumes', 'lock']) {
      const { uid, mode } = statSync(join(daemon.dataDir, name));
      expect(uid, name).toBe(0);
      expect(mode & 0o077, name).toBe(0);
    }
  });
});
