import { readdirSync, readFileSync } from 'node:fs';
import { ControlGroupFiles } from '../test/privileged/control-group-files.ts';

/** CPU seconds so far, by who used them. */
export interface ProcessorTime {
  /** All of the host, whoever it was. */
  readonly host: number;
  /** Threads of the kernel: write-back, loop devices, encryption, reclaim. */
  readonly kernelThreads: number;
  readonly agent: number;
  readonly daemon: number;
  /** This program, which plays the clients. */
  readonly clients: number;
}

const ticksPerSecond = 100;
const kernelThreadParent = 2;

export function readProcessorTime(pids: { readonly agent: number; readonly daemon: number }): ProcessorTime {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '')
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const { user: ownUser, system: ownSystem } = process.cpuUsage();
  return {
    host: (user + nice + system + irq + softirq) / ticksPerSecond,
    kernelThreads: kernelThreadSeconds(),
    agent: ControlGroupFiles.of(pids.agent).cpuSeconds(),
    daemon: ControlGroupFiles.of(pids.daemon).cpuSeconds(),
    clients: (ownUser + ownSystem) / 1e6,
  };
}

export function processorTimeBetween(before: ProcessorTime, after: ProcessorTime): ProcessorTime {
  return {
    host: after.host - before.host,
    kernelThreads: after.kernelThreads - before.kernelThreads,
    agent: after.agent - before.agent,
    daemon: after.daemon - before.daemon,
    clients: after.clients - before.clients,
  };
}

function kernelThreadSeconds(): number {
  let ticks = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // proc(5): after the name in parentheses come state, parent, …; user and system time are the 12th and 13th.
      const fields = (readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1) ?? '').split(' ');
      if (Number(fields[1]) === kernelThreadParent) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has ended since it was listed.
    }
  }
  return ticks / ticksPerSecond;
}
