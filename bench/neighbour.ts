import type { LambdaClient } from '@aws-sdk/client-lambda';
import { type BombName, bombNames, bombs, deployBombs, explode } from '../test/bombs.ts';
import { type Credentials, type RunningDaemon, startDaemon } from '../test/daemon.ts';
import { deploy } from '../test/functions.ts';
import { ControlGroupFiles } from '../test/privileged/control-group-files.ts';
import { type ProcessorTime, processorTimeBetween, readProcessorTime } from './processor-time.ts';
import { SignedClient } from './signed-client.ts';
import { type Distribution, distribution } from './statistics.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3);
const chosen = (process.env['BENCH_BOMBS']?.split(',') as BombName[] | undefined) ?? bombNames;
/** A function of one processor, and the largest that Lambda knows: more than this host may have. */
const bombSizesMiB = (process.env['BENCH_BOMB_MIB'] ?? '1769,10240').split(',').map(Number);
const windowSeconds = 5;
/** For a bomb's start, of its window: what is measured is a bomb that goes off already. */
const leadSeconds = 0.5;
/** Between two invocations of the neighbour, so that its own share of a processor is not what it waits for. */
const pauseMs = 8;
const statusEveryMs = 250;
const body = '{"hello":"world"}';

/** What was seen in windows of one kind. */
class Window {
  readonly neighbourMs: number[] = [];
  readonly statusMs: number[] = [];
  readonly times: ProcessorTime[] = [];
  bombSeconds = 0;
  seconds = 0;
}

interface Bench {
  readonly daemon: RunningDaemon;
  readonly attacker: LambdaClient;
  readonly neighbour: SignedClient;
  readonly status: SignedClient;
  readonly pids: { readonly agent: number; readonly daemon: number };
}

/** Warm invocations of a small function and the daemon's own answers, quiet and beside each bomb of another account, windows alternating in one run. */
export async function neighbour(): Promise<void> {
  await using daemon = await startDaemon();
  const { stdout } = await daemon.cli('credentials', 'create', '--account', '210987654321', '--json');
  const attacker = daemon.lambda({ ...daemon.credentials, ...(JSON.parse(stdout) as Partial<Credentials>) });
  const { daemonPid } = JSON.parse((await daemon.cli('status', '--json')).stdout) as { daemonPid: number };
  const bench: Bench = {
    daemon,
    attacker,
    neighbour: new SignedClient(daemon.credentials),
    status: new SignedClient({ ...daemon.credentials, service: 'cloister', method: 'GET' }),
    pids: { agent: daemon.pid, daemon: daemonPid },
  };
  const echo = 'exports.handler = async (event) => event;';
  await deploy(daemon.lambda(), { name: 'small', runtime: 'nodejs24.x', files: { 'index.js': echo }, MemorySize: 256 });
  await measure(bench, new Window(), windowSeconds);
  console.log('| bomb in | bomb | p50 | p99 | p99 quiet | ratio | daemon p99 (quiet) | CPU/s bomb | kernel threads | daemon | agent |');
  console.log('|---|---|---|---|---|---|---|---|---|---|---|');
  for (const memorySizeMiB of bombSizesMiB) {
    await deployBombs(attacker, `bombs-${memorySizeMiB}`, memorySizeMiB);
    for (const bomb of chosen) await beside(bench, bomb, memorySizeMiB);
  }
  bench.neighbour.close();
  bench.status.close();
}

async function beside(bench: Bench, bomb: BombName, memorySizeMiB: number): Promise<void> {
  const name = `bombs-${memorySizeMiB}`;
  const [quiet, bombed] = [new Window(), new Window()];
  for (let round = 0; round < rounds; round += 1) {
    await measure(bench, quiet, windowSeconds);
    const exploding = explode(bench.attacker, name, bomb, windowSeconds + 2 * leadSeconds);
    await pause(leadSeconds * 1_000);
    await measure(bench, bombed, windowSeconds, name);
    await exploding;
  }
  printRow(bomb, memorySizeMiB, quiet, bombed);
}

async function measure(bench: Bench, window: Window, seconds: number, bombName?: string): Promise<void> {
  const bomb = bombName === undefined ? undefined : await bombGroup(bench, bombName);
  const started = performance.now();
  const end = started + seconds * 1_000;
  const before = readProcessorTime(bench.pids);
  const bombBefore = bomb?.cpuSeconds() ?? 0;
  await Promise.all([
    repeat(end, pauseMs, async () => {
      const path = '/2015-03-31/functions/small/invocations';
      const answer = await bench.neighbour.send(path, body, await bench.neighbour.sign(path, body));
      if (answer.status !== 200 || answer.body !== body) throw new Error(`the function answered ${answer.status} ${answer.body}`);
      window.neighbourMs.push(answer.ms);
    }),
    repeat(end, statusEveryMs, async () => {
      const answer = await bench.status.send('/_cloister/v1/status', '', await bench.status.sign('/_cloister/v1/status', ''));
      if (answer.status !== 200) throw new Error(`the daemon answered ${answer.status} ${answer.body}`);
      window.statusMs.push(answer.ms);
    }),
  ]);
  window.times.push(processorTimeBetween(before, readProcessorTime(bench.pids)));
  window.seconds += (performance.now() - started) / 1_000;
  // An environment that ended for what it did took its count with it.
  window.bombSeconds += Math.max(0, (tryCpuSeconds(bomb) ?? 0) - bombBefore);
}

async function bombGroup({ daemon }: Bench, functionName: string): Promise<ControlGroupFiles | undefined> {
  const { stdout } = await daemon.cli('env', 'list', '--json');
  const found = (JSON.parse(stdout) as { functionName: string; pids: number[] }[]).find((each) => each.functionName === functionName);
  return found?.pids[0] === undefined ? undefined : ControlGroupFiles.of(found.pids[0]);
}

function tryCpuSeconds(group: ControlGroupFiles | undefined): number | undefined {
  try {
    return group?.cpuSeconds();
  } catch {
    return undefined;
  }
}

async function repeat(end: number, everyMs: number, work: () => Promise<void>): Promise<void> {
  while (performance.now() < end) {
    await work();
    await pause(everyMs);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function printRow(bomb: BombName, memorySizeMiB: number, quiet: Window, bombed: Window): void {
  const [was, is] = [distribution(quiet.neighbourMs), distribution(bombed.neighbourMs)];
  const perSecond = (read: (time: ProcessorTime) => number) => (bombed.times.reduce((sum, time) => sum + read(time), 0) / bombed.seconds).toFixed(2);
  const ms = ({ p50, p99 }: Distribution) => [p50.toFixed(2), p99.toFixed(2)] as const;
  const status = `${ms(distribution(bombed.statusMs))[1]} (${ms(distribution(quiet.statusMs))[1]})`;
  const cells = [
    `${memorySizeMiB} MiB`,
    `${bomb}: ${bombs[bomb]}`,
    ...ms(is),
    ms(was)[1],
    (is.p99 / was.p99).toFixed(2),
    status,
    (bombed.bombSeconds / bombed.seconds).toFixed(2),
    perSecond((time) => time.kernelThreads),
    perSecond((time) => time.daemon),
    perSecond((time) => time.agent),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
