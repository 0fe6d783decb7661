import { readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';
import { parseLook, postureDifferences } from './posture-differences.ts';
import { covered, expectedPosture, type PostureRuntime } from './posture-table.ts';

const look = readFileSync(fileURLToPath(new URL('programs/look.sh', import.meta.url)));
const coveredPaths = covered.map((name) => `/proc/${name}`);
const abstractName = `cloister-posture-${process.pid}`;

const node = `
const { spawnSync } = require('node:child_process');
exports.handler = async (event) => {
  if (event.abstract) return new Promise((resolve) => require('node:net').connect({ path: '\\0' + event.abstract }).once('connect', () => resolve('connected')).once('error', (error) => resolve(error.code)));
  return spawnSync('/var/task/look.sh', event.covered, { encoding: 'base64' }).stdout;
};`;

const python = `
import base64, subprocess
def handler(event, context):
    return base64.b64encode(subprocess.run(['/var/task/look.sh', *event['covered']], capture_output=True).stdout).decode()
`;

const shell = `#!/bin/bash
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while :; do
  id=$(curl -s -D - -o /dev/null "$api/next" | tr -d '\\r' | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //Ip')
  /var/task/look.sh ${coveredPaths.join(' ')} > /tmp/look
  printf '"%s"' "$(base64 -w0 /tmp/look)" > /tmp/answer
  curl -s -o /dev/null --data-binary @/tmp/answer "$api/$id/response"
done
`;

const functions: Readonly<Record<PostureRuntime, Readonly<Record<string, string>>>> = {
  'nodejs24.x': { 'index.js': node },
  'python3.13': { 'index.py': python },
  'provided.al2023': { bootstrap: shell },
};
const runtimes = Object.keys(functions) as PostureRuntime[];
const nameOf = (runtime: PostureRuntime) => `posture-${runtime.replaceAll('.', '-')}`;

/** The complete state of a function's process, beside a table: whatever weakens it or adds to it fails, be it Cloister, the kernel or the OCI runtime. */
describe("the posture of a function's process", () => {
  let daemon: RunningDaemon;
  const looks = new Map<PostureRuntime, ReadonlyMap<string, readonly string[]>>();

  beforeAll(async () => {
    daemon = await startDaemon();
    for (const runtime of runtimes) {
      await deploy(daemon.lambda(), { name: nameOf(runtime), runtime, files: { ...functions[runtime], 'look.sh': look }, MemorySize: 512 });
      const { value, log } = await invoke(daemon.lambda(), nameOf(runtime), { covered: coveredPaths });
      const text = Buffer.from(String(value), 'base64').toString();
      expect(text, log).toMatch(/=== end\n$/);
      looks.set(runtime, parseLook(text));
    }
  });

  afterAll(() => daemon[Symbol.asyncDispose]());

  const lookOf = (runtime: PostureRuntime) => looks.get(runtime) ?? new Map<string, readonly string[]>();

  it.each(runtimes)('is what the table says, line by line: %s', (runtime) =>
    expect(postureDifferences(lookOf(runtime), expectedPosture(runtime))).toEqual([]),
  );

  it('has a table that can fail: a capability, a descriptor, a mount or a lost line is a difference', () => {
    const seen = new Map(lookOf('provided.al2023'));
    const change = (section: string, edit: (lines: readonly string[]) => string[]) =>
      postureDifferences(new Map(seen).set(section, edit(seen.get(section) ?? [])), expectedPosture('provided.al2023'));
    expect(change('status', (lines) => lines.map((line) => line.replace(/^CapBnd: .*/, 'CapBnd: 0000000000000001')))).toHaveLength(2);
    expect(change('descriptors', (lines) => [...lines, '3 /etc/shadow 0100000'])).toHaveLength(1);
    expect(change('mounts', (lines) => lines.map((line) => line.replace(/^(\/ \/var\/task )ro/, '$1rw')))).toHaveLength(2);
    expect(change('limits', (lines) => lines.slice(1))).toHaveLength(1);
    expect(change('new section', () => ['anything'])).toHaveLength(1);
  });

  it("has namespaces that are neither the host's nor a neighbour's", () => {
    const inodes = runtimes.map((runtime) => lookOf(runtime).get('namespaces') ?? []);
    const all = inodes.flatMap((lines) => lines.filter((line) => !line.includes('_for_children')));
    expect(all).toHaveLength(8 * runtimes.length);
    expect(new Set(all).size).toBe(all.length);
    const host = ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup', 'time'].map((name) => `${name} ${readlinkSync(`/proc/self/ns/${name}`)}`);
    expect(all.filter((line) => host.includes(line))).toEqual([]);
  });

  it('has a session keyring of its own, which the kernel lists outside and nobody reads inside', async () => {
    const { stdout } = await daemon.cli('env', 'list', '--json');
    const environments = (JSON.parse(stdout) as { id: string }[]).map(({ id }) => id);
    expect(environments).toHaveLength(runtimes.length);
    const keyrings = readFileSync('/proc/keys', 'utf8').split('\n');
    for (const id of environments)
      expect(
        keyrings.filter((line) => line.includes(` ${id}: empty`)),
        id,
      ).toHaveLength(1);
  });

  it('does not reach an abstract UNIX socket of the host', async () => {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen({ path: `\0${abstractName}` }, resolve));
    try {
      expect(readFileSync('/proc/net/unix', 'utf8')).toContain(`@${abstractName}`);
      expect((await invoke(daemon.lambda(), nameOf('nodejs24.x'), { abstract: abstractName })).value).toBe('ECONNREFUSED');
    } finally {
      server.close();
    }
  });
});
