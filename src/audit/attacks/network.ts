import { networkInterfaces } from 'node:os';
import type { Attack, AttackContext, FunctionName, Verdict } from '../attack.ts';
import { judgeByGoals } from '../explain.ts';
import { moved } from '../kernel-view.ts';

interface NetworkAttack {
  readonly name: string;
  readonly what: string;
  readonly code: string;
  /** Whether it matters what the function may reach. */
  readonly anyEgress?: boolean;
  readonly event: (context: AttackContext) => Promise<Readonly<Record<string, string | number>>>;
}

/** Whom a function without egress and one with public egress must not reach: nothing here is an address of anybody else's. */
const attacks: readonly NetworkAttack[] = [
  {
    name: 'neighbour-tcp',
    what: "the neighbour's ports, its Runtime API among them",
    code: 'network.tcp',
    event: async (context) => {
      const { ipv4 } = await context.neighbourAddresses();
      return targets(ipv4.flatMap((address) => [`${address}:${context.aim.port}`, `${address}:9001`]));
    },
  },
  {
    name: 'neighbour-udp',
    what: "the neighbour's UDP port, broadcast and multicast",
    code: 'network.udp',
    event: async (context) => {
      const { ipv4 } = await context.neighbourAddresses();
      return targets([...ipv4, '255.255.255.255', '224.0.0.1'].map((address) => `${address}:${context.aim.port}`));
    },
  },
  {
    name: 'neighbour-ipv6',
    what: "the neighbour over IPv6: its link-local address, all nodes' multicast",
    code: 'network.udp',
    event: async (context) => {
      const { ipv6, links } = await context.neighbourAddresses();
      const addresses = [...ipv6, 'ff02::1'].flatMap((address) => links.map((link) => `${address}%${link}`));
      return targets([...addresses, 'fd00::1'].map((address) => `[${address}]:${context.aim.port + 1}`));
    },
  },
  {
    name: 'scan',
    what: "every address of the neighbour's range, two ports each",
    code: 'network.scan',
    event: async (context) => {
      const { ipv4 } = await context.neighbourAddresses();
      return { scan: (ipv4[0] ?? '10.203.0.1').replace(/\d+$/, ''), from: 1, to: 140, ports: `${context.aim.port} 9001` };
    },
  },
  {
    name: 'router',
    what: 'the router: its gateway and resolver addresses',
    code: 'network.tcp',
    event: async (context) => {
      const { gateways } = await context.neighbourAddresses();
      return targets([...gateways, '10.202.0.1', '10.202.0.53'].flatMap((address) => [`${address}:22`, `${address}:80`]));
    },
  },
  {
    name: 'host',
    what: "the host's own addresses: the daemon's API, ssh",
    code: 'network.tcp',
    event: async (context) => targets(hostAddresses().flatMap((address) => [`${address}:${context.aim.apiPort}`, `${address}:22`])),
  },
  {
    name: 'link-local',
    what: '169.254.169.254 and other link-local addresses',
    code: 'network.tcp',
    event: async () => targets(['169.254.169.254:80', '169.254.170.2:80', '169.254.0.1:80']),
  },
  {
    name: 'private',
    what: 'private, shared and reserved ranges',
    code: 'network.tcp',
    event: async () => targets(['10.0.0.1:80', '172.16.0.1:80', '192.168.0.1:80', '100.64.0.1:80', '198.18.0.1:80', '240.0.0.1:80']),
  },
  {
    name: 'ping',
    what: 'echo requests by datagram to neighbour, host and link-local addresses',
    code: 'network.ping',
    event: async (context) => {
      const { ipv4 } = await context.neighbourAddresses();
      return targets([...ipv4, ...hostAddresses(), '169.254.169.254'].map((address) => `${address}:0`));
    },
  },
  { name: 'raw', what: 'raw and packet sockets: forged addresses, ARP', code: 'network.raw', anyEgress: false, event: async () => ({}) },
  {
    name: 'configure',
    what: 'addresses, routes, links and neighbours changed by netlink',
    code: 'network.configure',
    anyEgress: false,
    event: async () => ({}),
  },
];

function targets(list: readonly string[]): { readonly targets: string } {
  return { targets: list.join(' ') };
}

function hostAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).flatMap(({ family, internal, address }) => (family === 'IPv4' && !internal ? [address] : [])),
  );
}

async function run(context: AttackContext, { code, event }: NetworkAttack, from: FunctionName): Promise<Verdict> {
  const told = await event(context);
  const before = await context.routerCounters(from);
  const attempt = await context.attack(code, told, { from, neighbourAwake: true });
  const after = await context.routerCounters(from);
  const [dropped, withoutRoute] = [after.dropped - before.dropped, after.withoutRoute - before.withoutRoute];
  const [sent, received] = [moved('packetsSent', attempt.outside) ?? 0, moved('packetsReceived', attempt.outside) ?? 0];
  const stoppedBy = [...(dropped > 0 ? ['iptables'] : []), ...(withoutRoute > 0 ? ['routing'] : [])].join(' and ') || 'silence';
  return judgeByGoals(attempt, ({ counters }) => ({
    stoppedBy,
    reading: `of ${sent} packets the router's rules dropped ${dropped} and ${withoutRoute} found no route (${after.readFrom}), ${received} came back (${counters['packetsReceived']?.readFrom})`,
  }));
}

const variants: readonly (readonly [suffix: string, from: FunctionName, words: string])[] = [
  ['', 'attacker', ''],
  ['-with-egress', 'attacker-egress', ', from a function with public egress'],
];

export const networkAttacks: readonly Attack[] = variants.flatMap(([suffix, from, words]) =>
  attacks
    .filter(({ anyEgress }) => from === 'attacker' || anyEgress !== false)
    .map((attack) => ({
      id: `network.${attack.name}${suffix}`,
      wall: 'network' as const,
      ...(attack.anyEgress !== false && { takesSeconds: true }),
      what: `${attack.what}${words}`,
      run: (context: AttackContext) => run(context, attack, from),
    })),
);
