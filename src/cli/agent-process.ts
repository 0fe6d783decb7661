import { readFileSync } from 'node:fs';

/** A running host agent: its pid together with its start time, which no later process of the same pid has. */
export interface AgentProcess {
  readonly pid: number;
  readonly startTime: string;
}

/** The agent of that pid, or undefined when it is gone or the pid is another program's by now. */
export function findAgentProcess(pid: number): AgentProcess | undefined {
  const startTime = startTimeOf(pid);
  if (startTime === undefined || !isAgent(pid)) return undefined;
  return { pid, startTime };
}

/** Whether it still runs; a process that is dead and not yet waited for does not. */
export function isRunning(agent: AgentProcess): boolean {
  return startTimeOf(agent.pid) === agent.startTime;
}

function isAgent(pid: number): boolean {
  const args = readProc(pid, 'cmdline')?.split('\0') ?? [];
  return args.some((arg) => /(^|\/)agent\/main\.(ts|js)$/.test(arg));
}

/** Field 22 of proc(5)'s stat; undefined for no process and for a zombie. The name in parentheses may hold blanks. */
function startTimeOf(pid: number): string | undefined {
  const fields = readProc(pid, 'stat')
    ?.replace(/^.*\)\s/s, '')
    .split(' ');
  return fields === undefined || fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
