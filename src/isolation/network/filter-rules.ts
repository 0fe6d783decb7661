import type { EgressPolicy } from './egress-policy.ts';
import { blockPrefix, resolverAddress, type SlotAddress, slotAddress, slotsPerBlock, uplinkName } from './slot-address.ts';
import { unreachableRanges } from './unreachable-ranges.ts';

/** Connections a slot may have in the kernel's table: 1,000 slots stay below its usual size of 262,144. */
export const maxConnectionsPerSlot = 256;
/** Questions to the resolver, per slot. */
const questionsPerSecond = 50;
const questionBurst = 200;
const unreachableChain = 'cloister-unreachable';
const hostChain = 'cloister-host';

/** Addresses on the uplink: ours, and the two that the process at its other end answers for. */
export interface UplinkAddresses {
  readonly own: string;
  readonly gateway: string;
  readonly resolver: string;
}

/** The router's own rules. Everything is dropped but what a slot's chains, which begin empty, let through. */
export function routerRules(uplink: UplinkAddresses | undefined): string {
  const translate = (protocol: string) =>
    `-A PREROUTING ! -i ${uplinkName} -d ${resolverAddress}/32 -p ${protocol} --dport 53 -j DNAT --to-destination ${uplink?.resolver}`;
  const translation =
    uplink === undefined
      ? []
      : ['*nat', translate('udp'), translate('tcp'), `-A POSTROUTING -o ${uplinkName} -j SNAT --to-source ${uplink.own}`, 'COMMIT'];
  return lines(
    '*filter',
    ...[':INPUT DROP', ':FORWARD DROP', ':OUTPUT DROP', `:${unreachableChain} -`, `:${hostChain} -`],
    '-A FORWARD -m conntrack --ctstate INVALID -j DROP',
    ...unreachableRanges.map((range) => `-A ${unreachableChain} -d ${range} -j DROP`),
    `-A ${unreachableChain} -j ${hostChain}`,
    'COMMIT',
    ...translation,
  );
}

/** IPv6 passes nowhere in the router. */
export function routerRulesOfIpv6(): string {
  return lines('*filter', ':INPUT DROP', ':FORWARD DROP', ':OUTPUT DROP', 'COMMIT');
}

/** Chains of a hundred slots at once. Each slot's packets must bear its own addresses; then they come to a chain that is empty until a policy fills it. */
export function blockRules(block: number): string {
  const prefix = blockPrefix(block);
  const slots = Array.from({ length: slotsPerBlock }, (_, place) => slotAddress(block * slotsPerBlock + place));
  return lines(
    '*filter',
    ...[`:${prefix}-tx -`, `:${prefix}-rx -`],
    ...slots.flatMap(({ chain }) => ['tx', 'rx', 'out', 'back'].map((end) => `:${chain}-${end} -`)),
    `-A FORWARD -i ${prefix}+ -j ${prefix}-tx`,
    `-A FORWARD -o ${prefix}+ -j ${prefix}-rx`,
    ...slots.flatMap(({ chain, link, address, mac }) => [
      `-A ${prefix}-tx -i ${link} -j ${chain}-tx`,
      `-A ${prefix}-rx -o ${link} -j ${chain}-rx`,
      `-A ${chain}-tx -m mac ! --mac-source ${mac} -j DROP`,
      `-A ${chain}-tx ! -s ${address}/32 -j DROP`,
      `-A ${chain}-tx -o ${uplinkName} -j ${chain}-out`,
      `-A ${chain}-tx -j DROP`,
      `-A ${chain}-rx -i ${uplinkName} -d ${address}/32 -j ${chain}-back`,
      `-A ${chain}-rx -j DROP`,
    ]),
    'COMMIT',
  );
}

export interface OpenRulesOptions {
  readonly slot: SlotAddress;
  readonly policy: EgressPolicy;
  readonly uplink: UplinkAddresses;
  /** Unique to this claim. SECURITY: answers to an earlier environment's connections bear another mark and never reach the next one of the same address. */
  readonly mark: number;
}

/** What a policy lets through, in place of what the slot's two chains held. */
export function openRules({ slot, policy, uplink, mark }: OpenRulesOptions): string {
  const [out, back] = [`-A ${slot.chain}-out`, `-A ${slot.chain}-back`];
  const ours = `-m conntrack --ctstate ESTABLISHED,RELATED -m connmark --mark ${mark}`;
  const question = `-d ${uplink.resolver}/32 -p udp --dport 53`;
  const limit = `-m limit --limit ${questionsPerSecond}/second --limit-burst ${questionBurst}`;
  return lines(
    '*filter',
    ...[`:${slot.chain}-out -`, `:${slot.chain}-back -`],
    `${out} -m conntrack --ctstate NEW -m connlimit --connlimit-above ${maxConnectionsPerSlot} --connlimit-mask 32 --connlimit-saddr -j DROP`,
    `${out} -m conntrack --ctstate NEW -j CONNMARK --set-mark ${mark}`,
    `${out} -m connmark ! --mark ${mark} -j DROP`,
    `${out} ${question} ${limit} -j ACCEPT`,
    `${out} ${question} -j DROP`,
    `${out} ${ours} -j ACCEPT`,
    `${out} -d ${uplink.resolver}/32 -p tcp --dport 53 ${limit} -j ACCEPT`,
    `${out} -j ${unreachableChain}`,
    ...policyMatches(policy).map((match) => `${out} ${match}-j ACCEPT`),
    `${back} ${ours} -j ACCEPT`,
    'COMMIT',
  );
}

/** Empties the slot's two chains. */
export function closeRules({ chain }: SlotAddress): string {
  return lines('*filter', `:${chain}-out -`, `:${chain}-back -`, 'COMMIT');
}

/** The host's own addresses are as unreachable as private ones, whatever they are. */
export function hostRules(addresses: readonly string[]): string {
  return lines('*filter', `:${hostChain} -`, ...addresses.map((address) => `-A ${hostChain} -d ${address}/32 -j DROP`), 'COMMIT');
}

function policyMatches(policy: EgressPolicy): string[] {
  if (policy.kind === 'none') return [];
  if (policy.kind === 'public') return [''];
  return policy.destinations.flatMap(({ cidr, port }) =>
    port === undefined ? [`-d ${cidr} `] : ['tcp', 'udp'].map((protocol) => `-d ${cidr} -p ${protocol} --dport ${port} `),
  );
}

function lines(...all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
