import { attribute, ipv4, mac, type NetlinkMessage, nested, netlinkFlags, text, u32 } from './netlink-message.ts';

const AF_INET = 2;
const RTM = {
  newLink: 16,
  deleteLink: 17,
  setLink: 19,
  newAddress: 20,
  newRoute: 24,
  deleteRoute: 25,
  newNeighbour: 28,
  newRule: 32,
  deleteRule: 33,
};
const IFLA = { address: 1, name: 3, mtu: 4, queueLength: 13, linkInfo: 18, namespace: 28, gsoMaxSegments: 40 };
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFF_UP = 1;
const IFF_NOARP = 0x80;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_PERMANENT = 0x80;
const RTA = { destination: 1, oif: 4, gateway: 5, priority: 6, table: 15 };
const RTPROT_STATIC = 4;
const RTNH_F_ONLINK = 4;
const RT_SCOPE_LINK = 253;
const FRA = { iifName: 3, priority: 6, table: 15 };
const FR_ACT_TO_TBL = 1;
const create = netlinkFlags.request | netlinkFlags.acknowledge | netlinkFlags.create | netlinkFlags.exclusive;
const change = netlinkFlags.request | netlinkFlags.acknowledge;

/** Kinds of route (rtnetlink(7), rtm_type): `blackhole` drops without a word. */
const routeKinds = { unicast: 1, local: 2, blackhole: 6 } as const;

/** One end of a virtual cable. */
export interface LinkEnd {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
  readonly up: boolean;
  /** ARP neither asked nor answered (netdevice(7), IFF_NOARP). */
  readonly noArp: boolean;
}

export interface VethOptions {
  readonly here: LinkEnd;
  readonly there: LinkEnd;
  /** Descriptor of the network namespace of the other end. */
  readonly namespace: number;
  readonly mtu: number;
  /** No packet of more than one segment leaves an end: packets are what the wire would carry, not what the sender's offload gathers. */
  readonly noSegmentationOffload?: boolean;
}

/** Makes both ends of a veth(4) with their flags: an end that is to be up is up only with everything else set. */
export function newVeth({ here, there, namespace, mtu, noSegmentationOffload = false }: VethOptions): NetlinkMessage {
  const end = (link: LinkEnd, ...more: readonly Buffer[]) =>
    Buffer.concat([
      linkHeader(link),
      attribute(IFLA.name, text(link.name)),
      attribute(IFLA.address, mac(link.mac)),
      attribute(IFLA.mtu, u32(mtu)),
      attribute(IFLA.queueLength, u32(1_000)),
      ...(noSegmentationOffload ? [attribute(IFLA.gsoMaxSegments, u32(1))] : []),
      ...more,
    ]);
  const peer = attribute(VETH_INFO_PEER, end(there, attribute(IFLA.namespace, u32(namespace))));
  const info = nested(IFLA.linkInfo, attribute(IFLA_INFO_KIND, text('veth')), attribute(IFLA_INFO_DATA, peer));
  return { type: RTM.newLink, flags: create, body: end(here, info) };
}

export function deleteLink(index: number): NetlinkMessage {
  return { type: RTM.deleteLink, flags: change, body: linkHeader({ index, up: false, noArp: false }) };
}

export function setLinkUpByIndex(index: number): NetlinkMessage {
  const body = linkHeader({ index, up: true, noArp: false });
  body.writeUInt32LE(IFF_UP, 12);
  return { type: RTM.newLink, flags: change, body };
}

/** An address of this link alone: `length` 32 makes no route to any neighbour. */
export function newAddress({
  index,
  address,
  length,
}: {
  readonly index: number;
  readonly address: string;
  readonly length: number;
}): NetlinkMessage {
  const head = Buffer.alloc(8);
  head.set([AF_INET, length, 0, 0]);
  head.writeUInt32LE(index, 4);
  return {
    type: RTM.newAddress,
    flags: create,
    body: Buffer.concat([head, attribute(IFA_LOCAL, ipv4(address)), attribute(IFA_ADDRESS, ipv4(address))]),
  };
}

/** A neighbour that is never asked for and never forgotten (ip-neighbour(8), permanent). */
export function newNeighbour(options: { readonly index: number; readonly address: string; readonly mac: string }): NetlinkMessage {
  const head = Buffer.alloc(12);
  head[0] = AF_INET;
  head.writeInt32LE(options.index, 4);
  head.writeUInt16LE(NUD_PERMANENT, 8);
  return {
    type: RTM.newNeighbour,
    flags: create,
    body: Buffer.concat([head, attribute(NDA_DST, ipv4(options.address)), attribute(NDA_LLADDR, mac(options.mac))]),
  };
}

export interface Route {
  readonly table: number;
  readonly kind: keyof typeof routeKinds;
  /** `a.b.c.d/len`. */
  readonly destination: string;
  readonly oif?: number;
  readonly gateway?: string;
  /** Of two routes to the same network the one with the lower number is taken. */
  readonly metric?: number;
}

export function newRoute(route: Route): NetlinkMessage {
  return { type: RTM.newRoute, flags: create, body: routeBody(route) };
}

export function deleteRoute(route: Route): NetlinkMessage {
  return { type: RTM.deleteRoute, flags: change, body: routeBody(route) };
}

/** A policy rule (ip-rule(8)): packets from this link, or all, look up this table. */
export interface Rule {
  readonly priority: number;
  readonly table: number;
  readonly iif?: string;
}

export function newRule(rule: Rule): NetlinkMessage {
  return { type: RTM.newRule, flags: create, body: ruleBody(rule) };
}

export function deleteRule(rule: Rule): NetlinkMessage {
  return { type: RTM.deleteRule, flags: change, body: ruleBody(rule) };
}

function linkHeader({ index, up, noArp }: Pick<LinkEnd, 'index' | 'up' | 'noArp'>): Buffer {
  const head = Buffer.alloc(16);
  const flags = (up ? IFF_UP : 0) | (noArp ? IFF_NOARP : 0);
  head.writeInt32LE(index, 4);
  head.writeUInt32LE(flags, 8);
  head.writeUInt32LE(flags, 12);
  return head;
}

function routeBody({ table, kind, destination, oif, gateway, metric }: Route): Buffer {
  const [network = '', length = '32'] = destination.split('/');
  const head = Buffer.alloc(12);
  head.set([AF_INET, Number(length), 0, 0, table < 256 ? table : 0, RTPROT_STATIC, kind === 'unicast' && gateway === undefined ? RT_SCOPE_LINK : 0]);
  head[7] = routeKinds[kind];
  if (gateway !== undefined) head.writeUInt32LE(RTNH_F_ONLINK, 8);
  return Buffer.concat([
    head,
    attribute(RTA.table, u32(table)),
    ...(length === '0' ? [] : [attribute(RTA.destination, ipv4(network))]),
    ...(oif === undefined ? [] : [attribute(RTA.oif, u32(oif))]),
    ...(gateway === undefined ? [] : [attribute(RTA.gateway, ipv4(gateway))]),
    ...(metric === undefined ? [] : [attribute(RTA.priority, u32(metric))]),
  ]);
}

function ruleBody({ priority, table, iif }: Rule): Buffer {
  const head = Buffer.alloc(12);
  head[0] = AF_INET;
  head[4] = table < 256 ? table : 0;
  head[7] = FR_ACT_TO_TBL;
  return Buffer.concat([
    head,
    attribute(FRA.priority, u32(priority)),
    attribute(FRA.table, u32(table)),
    ...(iif === undefined ? [] : [attribute(FRA.iifName, text(iif))]),
  ]);
}
