import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';

const node = `
const { spawnSync } = require('node:child_process');
const os = require('node:os');
let count = 0;
exports.handler = async (event) => {
  count += 1;
  if (event.hog) { const all = []; for (;;) all.push(Buffer.alloc(8 << 20, 1)); }
  const { stdout, stderr, status } = spawnSync('/bin/sh', ['-c', event.command ?? 'true'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  return { out: stdout, err: stderr, status, count, monotonicSeconds: Number(process.hrtime.bigint()) / 1e9, bootSeconds: os.uptime() };
};`;

const python = `
import subprocess, time
count = 0
def handler(event, context):
    global count
    count += 1
    if event.get('hog'):
        held = []
        while True:
            held.append(bytearray(b'x') * (8 << 20))
    done = subprocess.run(['/bin/sh', '-c', event.get('command', 'true')], capture_output=True, text=True)
    clocks = {'monotonicSeconds': time.clock_gettime(time.CLOCK_MONOTONIC), 'bootSeconds': time.clock_gettime(time.CLOCK_BOOTTIME)}
    return {'out': done.stdout, 'err': done.stderr, 'status': done.returncode, 'count': count, **clocks}
`;

const shell = `#!/bin/bash
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
json() { local text=$1; text=\${text//\\\\/\\\\\\\\}; text=\${text//\\"/\\\\\\"}; text=\${text//$'\\t'/\\\\t}; text=\${text//$'\\n'/\\\\n}; printf '"%s"' "$text"; }
count=0
while :; do
  id=$(curl -s -D - -o /tmp/.event "$api/next" | tr -d '\\r' | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //Ip')
  count=$((count+1))
  if grep -q '"hog"' /tmp/.event; then held=x; while :; do held=$held$held; done; fi
  command=$(sed -n 's/^{"command":"\\(.*\\)"}$/\\1/p' /tmp/.event)
  command=$(printf '%b' "$command" | sed 's/\\\\"/"/g')
  out=$(/bin/sh -c "\${command:-true}" 2>/tmp/.err); status=$?
  read -r boot _ < /proc/uptime
  printf '{"out":%s,"err":%s,"status":%s,"count":%s,"monotonicSeconds":%s,"bootSeconds":%s}' "$(json "$out"$'\\n')" "$(json "$(cat /tmp/.err)")" "$status" "$count" "$boot" "$boot" > /tmp/.answer
  curl -s -o /dev/null --data-binary @/tmp/.answer "$api/$id/response"
done
`;

const runtimes = [
  { runtime: 'nodejs24.x', files: { 'index.js': node } },
  { runtime: 'python3.13', files: { 'index.py': python } },
  { runtime: 'provided.al2023', files: { bootstrap: shell } },
] as const;

interface Output {
  readonly out: string;
  readonly err: string;
  readonly status: number;
  readonly count: number;
  readonly monotonicSeconds: number;
  readonly bootSeconds: number;
}

/** What a function finds when it looks around and pushes, in each kind of runtime. */
describe.each(runtimes)('inside an environment: $runtime', ({ runtime, files }) => {
  const name = `inside-${runtime.replaceAll('.', '-')}`;
  const neighbour = `${name}-neighbour`;
  let daemon: RunningDaemon;
  let lambda: LambdaClient;
  const started = performance.now();

  beforeAll(async () => {
    daemon = await startDaemon();
    lambda = daemon.lambda();
    for (const one of [name, neighbour]) await deploy(lambda, { name: one, runtime, files, MemorySize: 512, Timeout: 60 });
  });

  afterAll(() => daemon[Symbol.asyncDispose]());

  async function run(command: string, target = name): Promise<Output> {
    const { value, functionError } = await invoke(lambda, target, { command });
    expect(functionError, JSON.stringify(value)).toBeUndefined();
    return value as Output;
  }

  async function hostPids(target = name): Promise<readonly number[]> {
    const { stdout } = await daemon.cli('env', 'list', '--json');
    return (JSON.parse(stdout) as { functionName: string; pids: number[] }[])
      .filter(({ functionName }) => functionName === target)
      .flatMap(({ pids }) => pids);
  }

  it('has a process tree of its own: no process of anybody else is visible', async () => {
    const { out } = await run('for p in /proc/[0-9]*; do echo "${p#/proc/} $(cat $p/comm)"; done');
    const seen = out
      .trim()
      .split('\n')
      .map((line) => line.split(' '));
    expect(seen.find(([pid]) => pid === '1')?.[1]).toBe('init');
    expect(seen.length).toBeLessThan(8);
    expect(seen.length).toBeGreaterThanOrEqual(2);
    expect((await run(`kill -0 ${daemon.pid}`)).status).not.toBe(0);
  });

  it('runs as sbx_user1051, and as nobody of the host outside', async () => {
    expect((await run('id -u; id -un')).out.trim().split('\n')).toEqual(['993', 'sbx_user1051']);
    const pids = await hostPids();
    expect(pids.length).toBeGreaterThanOrEqual(2);
    for (const pid of pids) {
      const ids =
        /^Uid:\s+(.*)$/m
          .exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
          ?.split('\t')
          .map(Number) ?? [];
      expect(ids).toHaveLength(4);
      for (const id of ids) expect(id).toBeGreaterThanOrEqual(0x4000_0000);
    }
  });

  it('cannot write to its root, code, layers or runtime', async () => {
    for (const path of ['/x', '/usr/bin/x', '/var/task/x', '/opt/x', '/var/runtime/x', '/etc/passwd', '/dev/x', '/proc/sys/kernel/hostname']) {
      expect((await run(`echo x > ${path}`)).status, path).not.toBe(0);
    }
    expect((await run('stat -c "%U %a" /var/task /opt')).out.trim().split('\n')).toEqual(['root 755', 'root 755']);
    expect((await run('cat /proc/self/mountinfo')).out).not.toMatch(/var\/lib|\/run\/cloister|cloister-/);
  });

  it('has /tmp up to its size and no further, and a neighbour does not feel it', async () => {
    await run('true', neighbour);
    const { out } = await run('dd if=/dev/zero of=/tmp/fill bs=1M count=600 2>&1; stat -c %s /tmp/fill; rm /tmp/fill');
    expect(out).toMatch(/No space left on device/);
    const written = Number(/^(\d+)$/m.exec(out)?.[1]);
    expect(written).toBeGreaterThan(480 * 1024 * 1024);
    expect(written).toBeLessThanOrEqual(512 * 1024 * 1024);
    expect((await run('echo fine > /tmp/y && cat /tmp/y', neighbour)).out.trim()).toBe('fine');
    expect((await run('echo again > /tmp/y && cat /tmp/y')).out.trim()).toBe('again');
  });

  it('is killed alone when it takes more memory than it has', async () => {
    const before = (await run('true', neighbour)).count;
    const [neighbourPids, agentStarted] = [await hostPids(neighbour), startTime(daemon.pid)];
    const { functionError, value, log } = await invoke(lambda, name, { hog: true });
    expect(functionError).toBe('Unhandled');
    expect(value).toMatchObject({ errorType: 'Runtime.ExitError' });
    expect(log).toMatch(/Status: error\tError Type: Runtime.OutOfMemory/);
    expect((await run('true', neighbour)).count).toBe(before + 1);
    // PID 1 and the runtime; a shell's children come and go.
    expect((await hostPids(neighbour)).slice(0, 2)).toEqual(neighbourPids.slice(0, 2));
    expect(startTime(daemon.pid)).toBe(agentStarted);
    expect((await run('echo back')).out.trim()).toBe('back');
  });

  it('stops a fork bomb at its process limit while the host and a neighbour go on', async () => {
    await run('true', neighbour);
    const bomb = run('n=0; while [ $n -lt 3000 ]; do sleep 5 & n=$((n+1)); done 2>&1 | head -c 300; cat /proc/loadavg');
    const settled = bomb.then(
      () => undefined,
      () => undefined,
    );
    const pids = () => hostPids().then((all) => all.length);
    expect((await run('echo alive', neighbour)).out.trim()).toBe('alive');
    expect(await pids()).toBeLessThanOrEqual(1024);
    await settled;
    expect((await run('echo alive', neighbour)).out.trim()).toBe('alive');
    await expect
      .poll(
        () =>
          run('echo back').then(
            ({ out }) => out.trim(),
            () => '',
          ),
        { timeout: 30_000 },
      )
      .toBe('back');
  });

  it('has clocks that begin with it: neither tells how long the host runs', async () => {
    const ageSeconds = (performance.now() - started) / 1_000;
    const { monotonicSeconds, bootSeconds, out } = await run(
      'cat /proc/uptime; readlink /proc/self/ns/time; sed -n s/^btime.//p /proc/stat; date +%s',
    );
    const [uptime = '', namespace, bootTime, now] = out.trim().split('\n');
    for (const seconds of [monotonicSeconds, bootSeconds, Number(uptime.split(' ')[0]), Number(now) - Number(bootTime)]) {
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThan(ageSeconds + 10);
    }
    const hostUptimeSeconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    expect(hostUptimeSeconds).toBeGreaterThan(bootSeconds + 1);
    const outside = (pid: number | 'self') => readlinkSync(`/proc/${pid}/ns/time`);
    const pids = await hostPids();
    for (const pid of pids) expect(outside(pid)).toBe(namespace);
    await run('true', neighbour);
    expect(new Set([outside('self'), outside(daemon.pid), namespace, ...(await hostPids(neighbour)).map(outside)]).size).toBe(3);
    expect(Math.abs(Number(now) * 1_000 - Date.now())).toBeLessThan(5_000);
  });

  it('has one link beside loopback, which is down, and no route: no policy gives it egress', async () => {
    const { out } = await run('tail -n +3 /proc/net/dev | cut -d: -f1; tail -n +2 /proc/net/route | wc -l');
    expect(out.trim().split(/\s+/)).toEqual(['lo', 'eth0', '0']);
    expect((await run("bash -c 'exec 3<>/dev/tcp/10.0.0.1/80'")).err).toMatch(/Network is unreachable/);
    expect((await run('curl -s -m 3 http://127.0.0.1:3001/ ; curl -s -m 3 http://10.0.0.1/')).status).not.toBe(0);
  });

  it('writes to /dev/stdout and /dev/stderr by name', async () => {
    const { log } = await invoke(lambda, name, { command: 'echo by-name > /proc/1/root/dev/null; echo to-stderr-by-name > /dev/stderr' });
    expect(log).toMatch(/START RequestId/);
    const pid = (await hostPids()).at(-1);
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    // A child's stderr is the handler's pipe: the runtime's own is opened again through its PID.
    const opened = await run("p=$(ls /proc | grep '^[0-9]' | sort -n | sed -n 2p); echo reopened > /proc/$p/fd/2 && echo ok");
    expect(opened.out.trim()).toBe('ok');
  });

  it('has no zombie after an hour of short children', async () => {
    await run('i=0; while [ $i -lt 3600 ]; do (true &) ; i=$((i+1)); done');
    const { out } = await run('grep -l "^State:.Z" /proc/[0-9]*/status | wc -l');
    expect(out.trim()).toBe('0');
  });

  it("leaves the host's /dev/null as it was", () => {
    const { uid, gid, mode } = statSync('/dev/null');
    expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: 0, gid: 0, mode: 0o666 });
  });
});

/** A process's start time in clock ticks since boot: another process has another. */
function startTime(pid: number): string | undefined {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19];
}
