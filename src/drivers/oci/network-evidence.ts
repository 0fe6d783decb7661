import { readlinkSync } from 'node:fs';
import type { Reading } from '../../evidence.ts';
import type { SlotNetwork } from '../../isolation/network/slot-network.ts';
import { readInNetworkNamespace } from '../../linux/read-in-namespace.ts';

interface Answer {
  readonly lines: readonly string[];
  readonly from: string;
}

/** What the kernel says of a slot's network now: its links, addresses, neighbours, routes, rules with their counters, queues, connections. */
export async function networkEvidence(network: SlotNetwork): Promise<Record<string, Reading>> {
  const { address, router } = network;
  const { link, table, chain } = address;
  const [inside, outside] = await Promise.all([
    read(network.namespace, {
      links: 'ip -oneline link show',
      addresses: 'ip -oneline address show',
      insideRoutes: 'ip route show table main',
      insideNeighbours: 'ip neigh show',
      insideQueues: 'tc -s class show dev eth0',
      insideIpv6Disabled: 'cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6',
    }),
    read(router, {
      routerLink: `ip -oneline link show dev ${link}`,
      routerIpv6Disabled: `cat /proc/sys/net/ipv6/conf/${link}/disable_ipv6`,
      rules: 'ip rule show',
      routes: `ip route show table ${table}`,
      neighbours: `ip neigh show dev ${link}`,
      queue: `tc -s qdisc show dev ${link}`,
      queues: `tc -s class show dev ${link}`,
      filter: 'iptables -v -S',
      ipv6Filter: 'ip6tables -v -S',
      connections: 'cat /proc/sys/net/netfilter/nf_conntrack_count',
    }),
  ]);
  const { filter, ipv6Filter, ...others } = outside;
  const pick = ({ lines, from }: Answer, of: (line: string) => boolean): Reading => ({ value: lines.filter(of), readFrom: from });
  const isPolicy = (line: string) => line.startsWith('-P ');
  const plain = Object.entries({ ...inside, ...others }).map(([name, { lines, from }]) => [name, { value: lines, readFrom: from }]);
  return {
    ...(Object.fromEntries(plain) as Record<string, Reading>),
    address: { value: address.address, readFrom: inside.addresses.from },
    ...limiterReadings(network),
    router: { value: inodeOf(router), readFrom: path(router) },
    filterPolicies: pick(filter, isPolicy),
    ipv6FilterPolicies: pick(ipv6Filter, isPolicy),
    filterRules: pick(filter, (line) => line.startsWith(`-A ${chain}-`)),
    connectionLimit: pick(filter, (line) => line.startsWith(`-A ${chain}-out `) && line.includes('connlimit')),
  };
}

function limiterReadings(network: SlotNetwork): Record<string, Reading> {
  return Object.fromEntries(
    Object.entries(network.limiterCounters()).map(([direction, counters]) => [
      `${direction}Limiter`,
      { value: { ...counters }, readFrom: `bpf map of the classifier on the ${direction} end` },
    ]),
  );
}

async function read<Name extends string>(namespace: number, commands: Readonly<Record<Name, string>>): Promise<Record<Name, Answer>> {
  const names = Object.entries<string>(commands);
  const outputs = await readInNetworkNamespace(
    namespace,
    names.map(([, command]) => command),
  );
  const answers = names.map(([name, command], index) => {
    const lines = (outputs[index] ?? '').split('\n').map((line) => line.trim());
    return [name, { lines: lines.filter(Boolean), from: `${command} in ${path(namespace)}` }];
  });
  return Object.fromEntries(answers) as Record<Name, Answer>;
}

function path(namespace: number): string {
  return `/proc/${process.pid}/fd/${namespace}`;
}

function inodeOf(namespace: number): number {
  return Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/self/fd/${namespace}`))?.[1]);
}
