import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Evidence } from '../../src/evidence.ts';
import { linkRuntimes } from '../runtimes.ts';
import { hostAddress, inNetwork, privateAddresses, program, publicAddress, World } from './network/world.ts';
import { buildImage, type Claimed, claimEnvironment } from './prepared-function.ts';
import { RawDaemon } from './raw-daemon.ts';

const accounts = { open: '111111111111', other: '222222222222', closed: '333333333333', listed: '444444444444' } as const;
type Account = keyof typeof accounts;
const configuration = {
  isolation: {
    egress: {
      accounts: { [accounts.open]: 'public', [accounts.other]: 'public', [accounts.listed]: [`${publicAddress}/32:8080`] },
      resolver: '127.0.0.1',
    },
    rateLimits: { network: { rx: { ops: { size: 1_000_000, refillTimeMs: 1_000 } }, tx: {} } },
  },
};
const bootstrap = `#!/bin/bash
eval "$COMMAND" 2>&1
echo "finished $MARK"
exec sleep 1000
`;

interface Environment {
  readonly claimed: Claimed;
  readonly pid: number;
  readonly address: string;
  readonly mac: string;
  readonly routerMac: string;
  readonly link: string;
  readonly table: string;
}

/** Two accounts' environments, a host and an internet: what passes between any of them, and what does not. */
describe('the network wall', () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-network-'));
  let world: World;
  let daemon: RawDaemon;
  let router: string;
  const environments = {} as Record<Account, Environment>;
  let mark = 0;

  beforeAll(async () => {
    await linkRuntimes(dataDirectory);
    writeFileSync(join(dataDirectory, 'config.json'), JSON.stringify(configuration), { mode: 0o600 });
    world = await World.make();
    daemon = RawDaemon.start(dataDirectory, { network: world.host.pid as number });
    for (const account of Object.keys(accounts) as Account[]) {
      const codeDigest = await buildImage(daemon, accounts[account], { bootstrap });
      const claimed = await claimEnvironment(daemon, { accountId: accounts[account], codeDigest });
      const { pids, walls } = await evidence(claimed);
      router = walls['network']?.['router']?.readFrom ?? '';
      const address = String(walls['network']?.['address']?.value);
      const [link = ''] = inNetwork(router, 'ip', '-oneline', 'neigh', 'show', address).match(/cloister-\d+/) ?? [];
      const macOf = (lines: string) => /link\/ether (\S+)/.exec(lines)?.[1] ?? '';
      environments[account] = {
        claimed,
        pid: pids[0] as number,
        address,
        link,
        mac: macOf(inNetwork(pids[0] as number, 'ip', '-oneline', 'link', 'show', 'eth0')),
        routerMac: macOf(inNetwork(router, 'ip', '-oneline', 'link', 'show', link)),
        table: String(1_000 + Number(link.replace('cloister-', ''))),
      };
    }
  });

  afterAll(async () => {
    for (const { claimed } of Object.values(environments)) claimed[Symbol.dispose]();
    await daemon?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
    rmSync(dataDirectory, { recursive: true, force: true });
  });

  const evidence = async (claimed: Claimed) =>
    (await daemon.request('evidence', { environmentId: claimed.environmentId })).result as unknown as Evidence;
  const networkOf = async (account: Account) => (await evidence(environments[account].claimed)).walls['network'] ?? {};

  /** Runs a command as the function of this account: its output. */
  async function run(account: Account, command: string): Promise<string> {
    const { claimed } = environments[account];
    mark += 1;
    await daemon.request('reset', { environmentId: claimed.environmentId });
    const from = claimed.output.length;
    const started = await daemon.request('start', {
      environmentId: claimed.environmentId,
      process: { kind: 'runtime' },
      environment: { COMMAND: command, MARK: String(mark), PATH: '/usr/bin:/bin' },
    });
    expect(started).toMatchObject({ ok: true });
    await claimed.said(`finished ${mark}\n`);
    return claimed.output.slice(from).replace(`finished ${mark}\n`, '');
  }

  const tcp = (address: string, port: number) => `exec 3<>/dev/tcp/${address}/${port} && echo ask >&3 && timeout 2 cat <&3; exec 3>&-`;
  /** A connection that would hang is given up. */
  const attempt = (address: string, port: number) => `timeout 1 bash -c 'exec 3<>/dev/tcp/${address}/${port}' && echo REACHED`;

  const everyTarget = (from: Account) => [
    ...Object.values(environments).flatMap(({ address }) => (address === environments[from].address ? [] : [address])),
    '10.202.0.1',
    '10.202.0.53',
    '10.201.0.100',
    '10.201.0.2',
    hostAddress,
    '127.0.0.1',
    ...privateAddresses,
  ];

  /** Root in the environment's namespace, with its link up and every route: far beyond what a function can do. */
  async function attackAsRoot(from: Account, targets: readonly string[]) {
    const { pid, mac, routerMac, address } = environments[from];
    for (const one of Object.values(environments)) inNetwork(one.pid, 'ip', 'link', 'set', 'eth0', 'up');
    const victims = Object.values(environments).filter((one) => one.pid !== pid);
    const listeners = victims.map((one) => spawnIn(one.pid, 'count', '1.6', 'eth0'));
    await Promise.all(listeners.map(({ listening }) => listening));
    const before = world.contacts.length;
    const out = inNetwork(pid, 'python3', program('frames.py'), 'attack', 'eth0', mac, routerMac, address, ...targets);
    const arrived = (await Promise.all(listeners.map(({ output }) => output))).flatMap((json) => (JSON.parse(json) as { eth0: string[] }).eth0);
    const { sent, answers } = JSON.parse(out) as { sent: number; answers: string[] };
    return { sent, answers, arrived, contacts: world.contacts.slice(before) };
  }

  function spawnIn(pid: number, ...args: readonly string[]) {
    const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, '--', 'python3', program('frames.py'), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const listening = new Promise((resolve) => child.stdout.once('data', resolve));
    const output = text(child.stdout).then((all) => all.trim().split('\n').at(-1) ?? '');
    return { listening, output };
  }

  const nothing = { answers: [], arrived: [], contacts: [] };
  const saveRules = () => [inNetwork(router, 'iptables-save'), inNetwork(router, 'ip6tables-save')] as const;
  function restoreRules([ipv4, ipv6]: readonly [string, string]): void {
    execFileSync('nsenter', [`--net=${router}`, '--', 'iptables-restore'], { input: ipv4 });
    execFileSync('nsenter', [`--net=${router}`, '--', 'ip6tables-restore'], { input: ipv6 });
  }
  function flushRules(): void {
    for (const tool of ['iptables', 'ip6tables']) {
      for (const chain of ['INPUT', 'FORWARD', 'OUTPUT']) inNetwork(router, tool, '-P', chain, 'ACCEPT');
      inNetwork(router, tool, '-F');
    }
    inNetwork(router, 'iptables', '-t', 'nat', '-F');
  }
  /** Every slot's table leads everywhere: to each other slot, to the router itself and out. */
  function openRoutes(): void {
    const all = Object.values(environments);
    inNetwork(router, 'ip', 'rule', 'add', 'priority', '1', 'lookup', 'local');
    for (const { table } of all) {
      inNetwork(router, 'ip', 'route', 'flush', 'table', table);
      for (const { address, link } of all) inNetwork(router, 'ip', 'route', 'add', `${address}/32`, 'dev', link, 'table', table);
      inNetwork(router, 'ip', 'route', 'add', 'default', 'via', '10.201.0.2', 'dev', 'cloister-uplink', 'onlink', 'table', table);
    }
    for (const { address, link } of all) inNetwork(router, 'ip', 'route', 'replace', `${address}/32`, 'dev', link, 'table', '900');
    for (const { link } of all) inNetwork(router, 'sysctl', '-qw', `net.ipv4.conf.${link}.rp_filter=0`, `net.ipv6.conf.${link}.disable_ipv6=0`);
  }

  it('lets a function of a public policy out by TCP, UDP and name, and shows the host as the sender', async () => {
    expect(await run('open', tcp(publicAddress, 80))).toBe(`internet 80 saw ${hostAddress}\n`);
    expect(await run('open', 'curl -sS --http0.9 http://anything.example:8080/')).toBe(`internet 8080 saw ${hostAddress}\n`);
    await run('open', `echo echo > /dev/udp/${publicAddress}/9000`);
    await expect.poll(() => world.contactsOf({ protocol: 'udp', port: 9000 })).toHaveLength(1);
    expect(await run('open', 'cat /etc/resolv.conf; stat -c %U /etc/resolv.conf')).toBe('nameserver 10.202.0.53\nroot\n');
  });

  it('lets a function of a list reach what is listed and nothing else', async () => {
    expect(await run('listed', tcp(publicAddress, 8080))).toContain('internet 8080');
    expect(await run('listed', 'curl -sS --http0.9 http://anything.example:8080/')).toContain('internet 8080');
    const before = world.contacts.length;
    for (const [address, port] of [
      [publicAddress, 80],
      ['198.51.100.2', 8080],
      [publicAddress, 7777],
    ] as const)
      expect(await run('listed', attempt(address, port))).not.toContain('REACHED');
    expect(world.contacts.slice(before)).toEqual([]);
  });

  it('keeps a function to 256 connections in the kernel’s table', async () => {
    const before = world.contactsOf({ protocol: 'udp', port: 9000 }).length;
    const arrived = () => world.contactsOf({ protocol: 'udp', port: 9000 }).slice(before);
    // A sender's port may come again, and then is a connection that is known: what counts is how many there are.
    const connections = () => new Set(arrived().map(({ peerPort }) => peerPort)).size;
    await run('other', `for i in {1..400}; do echo x > /dev/udp/${publicAddress}/9000; done; sleep 0.5`);
    expect(connections()).toBeGreaterThan(200);
    expect(connections()).toBeLessThanOrEqual(256);
    const [limit = ''] = ((await networkOf('other'))['connectionLimit']?.value ?? []) as readonly string[];
    // What the rule counted is all that did not arrive.
    expect(Number(/-c (\d+)/.exec(limit)?.[1])).toBe(400 - arrived().length);
  });

  it('gives a function without a policy no way anywhere, no name, and an answer at once', async () => {
    const before = world.contacts.length;
    expect(await run('closed', `${tcp(publicAddress, 80)}; curl -sS http://anything.example/; cat /etc/resolv.conf`)).toMatch(
      /Network is unreachable[\s\S]*Could not resolve host/,
    );
    expect(world.contacts.slice(before)).toEqual([]);
    // ::1 is there all the same.
    expect(await run('closed', 'cat /proc/net/if_inet6')).toMatch(/^0{31}1 01 80 10 80\s+lo\n$/);
  });

  it('lets no function reach another, the router, the host, link-local or private addresses', async () => {
    const before = world.contacts.length;
    const others = everyTarget('open').filter((address) => !address.startsWith('127.'));
    const attempts = others.map((address) => `${attempt(address, 7777)} & ${attempt(address, 9001)} &`);
    expect(await run('open', `${attempts.join(' ')} wait`)).not.toContain('REACHED');
    expect(world.contacts.slice(before)).toEqual([]);
  }, 60_000);

  it('holds against root in the namespace: no frame of any kind crosses, by whichever address it is sent', async () => {
    for (const from of ['open', 'closed'] as const) {
      const result = await attackAsRoot(from, everyTarget(from));
      expect(result.sent).toBeGreaterThan(200);
      expect(result).toMatchObject(nothing);
    }
  }, 60_000);

  it('with iptables flushed, routing alone holds', async () => {
    const saved = saveRules();
    flushRules();
    try {
      // The host's public address is covered by a route for as long as it stays what it was at the claim.
      const closed = await attackAsRoot('closed', everyTarget('closed'));
      expect(closed).toMatchObject(nothing);
      // What has egress has a return route, and no rule of the filter holds it back: frames may come to it, from nobody but the uplink.
      const open = await attackAsRoot('open', everyTarget('open'));
      expect(open).toMatchObject(nothing);
    } finally {
      restoreRules(saved);
    }
  }, 60_000);

  it('with routes opened, iptables alone holds', async () => {
    const saved = inNetwork(router, 'ip', 'route', 'save', 'table', 'all').length;
    expect(saved).toBeGreaterThan(0);
    openRoutes();
    const drops = await dropsOf('closed');
    expect(await attackAsRoot('closed', everyTarget('closed'))).toMatchObject(nothing);
    expect(await attackAsRoot('open', everyTarget('open'))).toMatchObject(nothing);
    expect(await dropsOf('closed')).toBeGreaterThan(drops);
  }, 60_000);

  it('with both taken away the same attack arrives: it can', async () => {
    flushRules();
    const { arrived, answers } = await attackAsRoot('closed', everyTarget('closed'));
    expect(arrived).toEqual(expect.arrayContaining(['icmp', 'udp', 'tcp']));
    expect(answers).toContain('icmp');
  }, 60_000);

  it('counts what it drops, and evidence follows a rule that is changed behind its back', async () => {
    const before = await networkOf('closed');
    inNetwork(router, 'iptables', '-P', 'INPUT', 'DROP');
    expect(String(before['filterPolicies']?.value)).toMatch(/-P INPUT ACCEPT/);
    expect(String((await networkOf('closed'))['filterPolicies']?.value)).toMatch(/-P INPUT DROP/);
  });

  it('leaves nothing when the agent is killed: no link on the host, no process of the uplink', async () => {
    const uplinks = () => execFileSync('sh', ['-c', 'pgrep -x slirp4netns || true'], { encoding: 'utf8' }).split('\n').filter(Boolean);
    const links = () => inNetwork(world.host.pid as number, 'ip', '-oneline', 'link', 'show').match(/^\d+: [^@:]+/gm);
    const ours = uplinks().filter((pid) => readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync(`/proc/${world.host.pid}/ns/net`));
    expect(ours).toHaveLength(1);
    expect(links()?.map((link) => link.replace(/^\d+: /, ''))).toEqual(['lo', 'eth0']);
    daemon.agent.kill('SIGKILL');
    const lives = (pid: string) => /^State:\s+[^Z]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    await expect.poll(() => uplinks().filter((pid) => ours.includes(pid) && lives(pid)), { timeout: 5_000 }).toEqual([]);
    daemon.control.destroy();
    // The next one clears what is left and has an uplink again.
    daemon = RawDaemon.start(dataDirectory, { network: world.host.pid as number });
    const codeDigest = await buildImage(daemon, accounts.open, { bootstrap });
    environments.open.claimed[Symbol.dispose]();
    const claimed = await claimEnvironment(daemon, { accountId: accounts.open, codeDigest });
    environments.open = { ...environments.open, claimed };
    expect(await run('open', tcp(publicAddress, 80))).toContain('internet 80');
  });

  async function dropsOf(account: Account): Promise<number> {
    const rules = (await networkOf(account))['filterRules']?.value as readonly string[];
    return rules
      .filter((rule) => rule.endsWith('DROP') || rule.includes('DROP -c') || rule.includes('-j DROP'))
      .reduce((sum, rule) => sum + Number(/-c (\d+)/.exec(rule)?.[1] ?? 0), 0);
  }
});
