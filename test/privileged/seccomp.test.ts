import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Evidence } from '../../src/evidence.ts';
import { type Architecture, systemCallNumbers } from '../../src/isolation/seccomp/system-call-table.ts';
import { linkRuntimes } from '../runtimes.ts';
import { filterStrays } from '../support/filter-strays.ts';
import { argumentCases, everyNumber, type PlannedCall, parseOutcomes, planText, refusal } from './call-plan.ts';
import { buildImage, type Claimed, claimEnvironment } from './prepared-function.ts';
import { RawDaemon } from './raw-daemon.ts';

const architecture = process.arch as Architecture;
const accountId = '123456789012';
const lastNumber = 1_100;
const x32Bit = 0x4000_0000;
const ended = `signal ${constants.signals.SIGSYS}`;
/** Linux lets these by before any filter runs; a program that makes them gets SIGILL or ENXIO (kernel/seccomp.c, seccomp_uprobe_exception). */
const madeByTheKernel = ['uprobe', 'uretprobe'];
const isX64 = architecture === 'x64';

const foreignEntries: readonly PlannedCall[] = [
  ...[0, 1, 2, 9, 16, 39, 41, 56, 57, 59, 101, 157, 165, 272, 321, 425, 512, 520, 521, 528, 545, 547].map(
    (number): PlannedCall => ({ number: number + x32Bit, entry: 'native', args: [0n, 0n, 0n, 0n, 0n, 0n] }),
  ),
  // i386: getpid, mount, socketcall, clone, ptrace, bpf and one that does not exist.
  ...[20, 21, 102, 120, 26, 357, 1_000].map((number): PlannedCall => ({ number, entry: 'int80', args: [0n, 0n, 0n, 0n, 0n, 0n] })),
];

/** What each system call does inside an environment, beside the same call by a user without any power but without a filter, and beside the table. */
describe('the system calls of an environment', () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-seccomp-'));
  const numbers = everyNumber(architecture, lastNumber);
  const cases = argumentCases(architecture);
  const calls = [...numbers, ...cases, ...(isX64 ? foreignEntries : [])];
  let daemon: RawDaemon | undefined;
  let claimed: Claimed | undefined;
  let inside: readonly string[];
  let unfiltered: readonly string[];
  let filters: readonly Buffer[];

  beforeAll(async () => {
    const [callEach, readFilters] = [compile('call-each', ['-static']), compile('read-filters', [])];
    const plan = planText(calls);
    const planFile = join(dataDirectory, 'plan');
    writeFileSync(planFile, plan, { mode: 0o644 });
    chmodSync(dataDirectory, 0o711);
    unfiltered = withoutPower(callEach, planFile);
    await linkRuntimes(dataDirectory);
    const running = RawDaemon.start(dataDirectory);
    daemon = running;
    const codeDigest = await buildImage(running, accountId, { bootstrap: readFileSync(callEach), plan });
    const environment = await claimEnvironment(running, { accountId, codeDigest });
    claimed = environment;
    const { environmentId } = environment;
    const started = await running.request('start', { environmentId, process: { kind: 'runtime' }, environment: { PATH: '/usr/bin:/bin' } });
    expect(started.ok).toBe(true);
    await environment.said('plan done');
    inside = parseOutcomes(environment.output);
    const { pids } = (await running.request('evidence', { environmentId })).result as unknown as Evidence;
    filters = splitFilters(execFileSync(readFilters, [String(pids[0])], { maxBuffer: 1 << 24 }));
  });

  afterAll(async () => {
    claimed?.[Symbol.dispose]();
    await daemon?.[Symbol.asyncDispose]();
    rmSync(dataDirectory, { recursive: true });
  });

  function compile(name: string, flags: readonly string[]): string {
    const binary = join(dataDirectory, name);
    const source = fileURLToPath(new URL(`programs/${name}.c`, import.meta.url));
    execFileSync('gcc', [...flags, '-O2', '-Wall', '-Wextra', '-Werror', '-o', binary, source]);
    return binary;
  }

  /** Calls that do not go as the table says, in words. */
  function strays(from: number, planned: readonly PlannedCall[]): string[] {
    return planned.flatMap((call, position) => {
      const { name, number, args } = call;
      if (name !== undefined && madeByTheKernel.includes(name)) return [];
      const expected = refusal(call) ?? unfiltered[from + position];
      const seen = inside[from + position];
      const what = `${name ?? number}(${args.map((arg) => arg.toString(16)).join(', ')})`;
      return seen === expected && seen !== undefined ? [] : [`${what}: ${seen}, expected ${expected}`];
    });
  }

  it(`are refused or let in as the table says, for every number from 0 to ${lastNumber}`, () => {
    expect(inside).toHaveLength(calls.length);
    expect(strays(0, numbers)).toEqual([]);
  });

  it('are refused or let in by their arguments as the table says, whatever stands in the upper halves', () => {
    expect(cases.length).toBeGreaterThan(700);
    expect(strays(numbers.length, cases)).toEqual([]);
  });

  it('are let in so that one can tell: none that the table allows answers ENOSYS', () => {
    const mute = [...numbers, ...cases].flatMap((call, position) =>
      refusal(call) === undefined && unfiltered[position] === `returned ${constants.errno.ENOSYS}` ? [call.name] : [],
    );
    // What a kernel may be built without.
    const optional = ['landlock_create_ruleset', 'landlock_add_rule', 'landlock_restrict_self', 'pkey_alloc', 'pkey_free', 'pkey_mprotect'];
    expect(mute.filter((name) => !optional.includes(name ?? ''))).toEqual([]);
  });

  it('that only the kernel itself makes give a program nothing, with a filter and without', () => {
    const nothing = [`returned ${constants.errno.ENOSYS}`, `returned ${constants.errno.ENXIO}`, `signal ${constants.signals.SIGILL}`];
    for (const name of madeByTheKernel) {
      const number = systemCallNumbers[architecture][name];
      if (number !== undefined) expect(nothing, name).toContain(inside[number]);
    }
  });

  it.runIf(isX64)('end the program by the x32 numbers and by the 32-bit entry, which is open on this kernel without a filter', () => {
    const from = numbers.length + cases.length;
    expect(foreignEntries.map((_, position) => inside[from + position])).toEqual(foreignEntries.map(() => ended));
    const getpid = foreignEntries.findIndex(({ entry }) => entry === 'int80');
    expect(['returned 0', `returned ${constants.errno.ENOSYS}`, `signal ${constants.signals.SIGSEGV}`]).toContain(unfiltered[from + getpid]);
  });

  it('pass one filter, which the kernel holds instruction by instruction as the table says, for every number and entry point', () => {
    expect(filters).toHaveLength(1);
    const { strays: wrong, tried } = filterStrays(filters[0] ?? Buffer.alloc(0), architecture);
    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(80_000);
  });
});

/** The plan on the host, by a user without power: what the kernel itself says. */
function withoutPower(program: string, planFile: string): string[] {
  const options = ['--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all', '--inh-caps=-all', '--no-new-privs'];
  const output = execFileSync('setpriv', [...options, '--', program, planFile], { cwd: '/', maxBuffer: 1 << 24 });
  return parseOutcomes(output.toString());
}

function splitFilters(bytes: Buffer): Buffer[] {
  const filters: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const size = bytes.readUInt32LE(offset) * 8;
    filters.push(bytes.subarray(offset + 4, offset + 4 + size));
    offset += 4 + size;
  }
  return filters;
}
