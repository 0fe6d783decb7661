import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DeleteFunctionCommand, type LambdaClient, ListFunctionsCommand, UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda';
import { afterAll, describe, expect, it } from 'vitest';
import { zip } from '../../bench/zip.ts';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';
import { ControlGroupFiles } from './control-group-files.ts';
import { countOnHost } from './leftovers.ts';

type Victim = 'daemon' | 'agent' | 'both' | 'reaper';
const victims: readonly Victim[] = Array.from({ length: 20 }, (_, index) => (['daemon', 'agent', 'both', 'reaper'] as const)[index % 4] as Victim);

const bootstrap = (mark: string) => `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while :; do
  id=$(curl -s -D - -o /tmp/event "$api/next" | tr -d '\\r' | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //Ip')
  curl -s -o /dev/null -d '"${mark}"' "$api/$id/response"
done
`;

/** kill -9 at random moments of a create, invoke, update, delete loop: the next start finds all of it, and no function is half there. */
describe('after kill -9', () => {
  const dataDir = realpathSync(mkdtempSync(join(tmpdir(), 'cloister-crash-')));
  const instance = createHash('sha256').update(dataDir).digest('hex').slice(0, 8);
  const before = countOnHost(dataDir, instance);
  let serial = 0;

  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

  /** Two loops over names of their own; what a killed daemon does not answer is expected to fail. */
  async function work(lambda: LambdaClient, signal: AbortSignal): Promise<void> {
    const loop = async () => {
      while (!signal.aborted) {
        const name = `crash-${serial++}`;
        await deploy(lambda, { name, runtime: 'provided.al2023', files: { bootstrap: bootstrap(name) } });
        await invoke(lambda, name);
        await lambda.send(
          new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: await zip({ bootstrap: bootstrap(name), extra: 'updated' }) }),
        );
        await invoke(lambda, name);
        if (serial % 3 !== 0) await lambda.send(new DeleteFunctionCommand({ FunctionName: name }));
      }
    };
    await Promise.allSettled([loop(), loop()]);
  }

  function daemonPid(daemon: RunningDaemon): number {
    return (JSON.parse(readFileSync(join(daemon.dataDir, 'endpoint.json'), 'utf8')) as { daemonPid: number }).daemonPid;
  }

  async function expectWholeFunctions(lambda: LambdaClient): Promise<void> {
    const { Functions = [] } = await lambda.send(new ListFunctionsCommand({}));
    for (const { FunctionName = '' } of Functions) {
      expect((await invoke(lambda, FunctionName)).value).toBe(FunctionName);
      await lambda.send(new DeleteFunctionCommand({ FunctionName }));
    }
  }

  it.each(victims.map((victim, round) => ({ victim, round })))(
    'of the $victim, round $round: nothing is left and no function is half',
    async ({ victim }) => {
      const daemon = await startDaemon({ dataDir });
      const stop = new AbortController();
      const working = work(daemon.lambda(), stop.signal);
      await delay(300 + Math.random() * 1_500);
      const pids = { daemon: daemonPid(daemon), agent: daemon.pid };
      if (victim !== 'agent' && victim !== 'reaper') process.kill(pids.daemon, 'SIGKILL');
      if (victim !== 'daemon') process.kill(pids.agent, 'SIGKILL');
      stop.abort();
      await daemon.stop();
      await working;
      if (victim === 'reaper') await killStarting();

      const next = await startDaemon({ dataDir });
      try {
        await expectWholeFunctions(next.lambda());
      } finally {
        expect(await next.stop()).toBe(0);
      }
      // What others do on the host passes; what is left stays.
      await expect.poll(() => countOnHost(dataDir, instance), { timeout: 5_000 }).toEqual(before);
    },
  );

  /** An `up` that is killed while it clears what the last one left. */
  async function killStarting(): Promise<void> {
    const starting = startDaemon({ dataDir, onSpawn: (agent) => setTimeout(() => agent.kill('SIGKILL'), 60 + Math.random() * 400) });
    await starting.then(
      (daemon) => daemon.stop(),
      () => undefined,
    );
  }

  it.each(['agent', 'both'] as const)(
    'of the %s, while an environment is frozen: it ends, at the next start at the latest, which says what it cleared',
    async (victim) => {
      const daemon = await startDaemon({ dataDir });
      const lambda = daemon.lambda();
      const name = `frozen-${victim}`;
      await deploy(lambda, { name, runtime: 'provided.al2023', files: { bootstrap: bootstrap(name) } });
      await invoke(lambda, name);
      const environments = JSON.parse((await daemon.cli('env', 'list', '--json')).stdout) as { functionName: string; pids: number[] }[];
      const pids = environments.find(({ functionName }) => functionName === name)?.pids ?? [];
      expect(pids.length).toBeGreaterThan(1);
      const group = ControlGroupFiles.of(pids[0] as number);
      await expect.poll(() => group.isFrozen).toBe(true);
      if (victim === 'both') process.kill(daemonPid(daemon), 'SIGKILL');
      process.kill(daemon.pid, 'SIGKILL');
      await daemon.stop();
      const living = () => pids.filter(isLiving);
      // A daemon that lives on lets PID 1 see that the agent has gone.
      if (victim === 'agent') await expect.poll(living, { timeout: 10_000 }).toEqual([]);
      await using next = await startDaemon({ dataDir });
      expect(living()).toEqual([]);
      expect(next.errors()).toMatch(/Cleared after an earlier run that was killed: 1 slots.*1 volumes/);
      await next.lambda().send(new DeleteFunctionCommand({ FunctionName: name }));
    },
  );
});

/** One that has ended may stay listed until its parent asks for it: whoever took over the killed agent's children. */
function isLiving(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
