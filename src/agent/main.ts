import { CloisterError } from '../errors.ts';
import { defaultDataDirectory, parseAgentArguments } from './agent-settings.ts';
import { checkAgentPrivileges } from './check-agent-privileges.ts';
import { startHostAgent } from './host-agent-process.ts';
import type { Reaped } from './reaper.ts';

/** The root process behind `cloister up`. Exit statuses: 0 stopped as asked, 1 the daemon died, 2 usage, 4 the host is not fit. */
const exitStatus = { stopped: 0, failed: 1, usage: 2, unfit: 4 } as const;

try {
  process.exitCode = await up(process.argv.slice(2));
} catch (error) {
  console.error(`cloister: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = statusOf(error);
}
process.exit();

async function up(args: readonly string[]): Promise<number> {
  const settings = parseAgentArguments(args);
  if (process.getuid?.() !== 0)
    throw new CloisterError('HostUnfit', '"cloister up" needs root: it makes namespaces, mounts and control groups', { operation: 'up' });
  checkAgentPrivileges();
  const asked = signalled();
  const say = settings.json ? console.error : console.log;
  const agent = await startHostAgent(settings, (message) => console.error(`cloister: ${message}`));
  const cleared = describeReaped(agent.reaped);
  if (cleared !== '') say(`Cleared after an earlier run that was killed: ${cleared}.`);
  try {
    const ready = await Promise.race([agent.ready, asked]);
    if (ready === undefined) return exitStatus.stopped;
    if (settings.json) {
      const { endpoint, region, accountId, accessKeyId, secretAccessKey, dataDir, pid } = ready;
      console.log(JSON.stringify({ endpoint, region, accountId, accessKeyId, secretAccessKey, dataDir, pid }));
    } else {
      console.log(`Cloister serves Lambda's API at ${ready.endpoint} (region ${ready.region}, account ${ready.accountId}).`);
      console.log(
        `Point AWS tools here:  eval "$(cloister credentials env${settings.dataDirectory === defaultDataDirectory ? '' : ` --data-dir ${ready.dataDir}`})"`,
      );
      console.log('Ctrl-C stops it.');
    }
    const endedAlone = await Promise.race([asked.then(() => false), agent.daemonEnded.then(() => true)]);
    if (endedAlone) console.error(`cloister: the daemon has ended by itself; ${ready.dataDir}/daemon.log says why`);
    return endedAlone ? exitStatus.failed : exitStatus.stopped;
  } finally {
    await agent.stop();
  }
}

function signalled(): Promise<undefined> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => resolve(undefined));
  });
}

function describeReaped(reaped: Reaped): string {
  const words: Readonly<Record<keyof Reaped, string>> = {
    slots: 'slots',
    processes: 'processes',
    controlGroups: 'control groups',
    loopDevices: 'loop devices',
    volumes: 'volumes',
    images: 'unfinished images',
    idRanges: 'id ranges',
  };
  return Object.entries(words)
    .flatMap(([key, word]) => (reaped[key as keyof Reaped] > 0 ? [`${reaped[key as keyof Reaped]} ${word}`] : []))
    .join(', ');
}

function statusOf(error: unknown): number {
  if (!(error instanceof CloisterError)) return exitStatus.failed;
  if (error.code === 'BadMessage') return exitStatus.usage;
  return error.code === 'HostUnfit' ? exitStatus.unfit : exitStatus.failed;
}
