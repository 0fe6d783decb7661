import { runCommand } from '../linux/run-command.ts';
import type { RouterCounters } from './attack.ts';

/** Reads the packet filter and the IP counters of the network namespace at `path`; zeros where there is no router. */
export async function readRouterCounters(path: string | undefined): Promise<RouterCounters> {
  const namespace = /^\/proc\/\d+\/fd\/\d+$/.exec(path ?? '')?.[0];
  if (namespace === undefined) return { dropped: 0, withoutRoute: 0, readFrom: 'there is no router' };
  const inside = async (...command: readonly string[]) => (await runCommand('nsenter', [`--net=${namespace}`, '--', ...command])).stdout;
  return {
    dropped: droppedPackets(await inside('iptables', '-t', 'filter', '-v', '-S')),
    withoutRoute: packetsWithoutRoute(await inside('cat', '/proc/net/stat/rt_cache')),
    readFrom: `iptables and /proc/net/stat/rt_cache in ${namespace}`,
  };
}

/** Packets that DROP rules and policies have counted: `iptables -v -S` prints `-c PACKETS BYTES`. */
export function droppedPackets(rules: string): number {
  return rules.split('\n').reduce((sum, line) => (/-j DROP\b|^-P \S+ DROP/.test(line) ? sum + Number(/-c (\d+) \d+/.exec(line)?.[1] ?? 0) : sum), 0);
}

/** Packets for which a routing table had nothing or a blackhole: column in_no_route, a line of hexadecimal numbers for each processor. */
export function packetsWithoutRoute(statistics: string): number {
  const [names = [], ...processors] = statistics
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const column = names.indexOf('in_no_route');
  return processors.reduce((sum, values) => sum + Number.parseInt(values[column] ?? '0', 16), 0);
}
