import { attribute, type NetlinkMessage, nested, netlinkFlags, text, u32, u64 } from './netlink-message.ts';

const RTM = { newQdisc: 36, newClass: 40, newFilter: 44 };
const TC_H_ROOT = 0xffff_ffff;
const TC_H_INGRESS = 0xffff_fff1;
const ingressHandle = 0xffff_0000;
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TCA_HTB = { parameters: 1, init: 2, rate64: 6, ceil64: 7 };
const TCA_BPF = { classId: 3, fd: 6, name: 7, flags: 8 };
const TCA_BPF_FLAG_ACT_DIRECT = 1;
const htbVersion = 3;
const linkLayerEthernet = 1;
/** The kernel counts a bucket in ticks of 64 ns (PSCHED_SHIFT). */
const tickNs = 64;
const anyProtocolNetworkOrder = 0x0300;
const create = netlinkFlags.request | netlinkFlags.acknowledge | netlinkFlags.create | netlinkFlags.exclusive;

/** Handle of the shaper, and of its one shaped class. A packet that is classified as the shaper itself passes at once (tc-htb(8), direct). */
const shaper = 0x0001_0000;
export const shapedClassMinor = 2;

/** A shaper (tc-htb(8)) as the root queue of a link; what no filter classifies goes to the shaped class. */
export function newShaper(linkIndex: number): NetlinkMessage {
  const init = Buffer.concat([u32(htbVersion), u32(10), u32(shapedClassMinor), u32(0), u32(0)]);
  return trafficMessage(RTM.newQdisc, { linkIndex, handle: shaper, parent: TC_H_ROOT }, 'htb', [attribute(TCA_HTB.init, init)]);
}

export interface ShapedClass {
  readonly linkIndex: number;
  readonly bytesPerSecond: number;
  /** How long the bucket takes to fill up: its size is what the rate gives in that time. */
  readonly fillTimeMs: number;
}

/** The shaped class: a token bucket that is full at the start. */
export function newShapedClass({ linkIndex, bytesPerSecond, fillTimeMs }: ShapedClass): NetlinkMessage {
  const rate = Buffer.alloc(12);
  rate[1] = linkLayerEthernet;
  rate.writeUInt32LE(Math.min(bytesPerSecond, 0xffff_ffff), 8);
  const ticks = Math.min(Math.round((fillTimeMs * 1e6) / tickNs), 0xffff_ffff);
  const parameters = Buffer.concat([rate, rate, u32(ticks), u32(ticks), u32(60_000), u32(0), u32(0)]);
  const rate64 = u64(BigInt(bytesPerSecond));
  return trafficMessage(RTM.newClass, { linkIndex, handle: shaper | shapedClassMinor, parent: shaper }, 'htb', [
    attribute(TCA_HTB.parameters, parameters),
    attribute(TCA_HTB.rate64, rate64),
    attribute(TCA_HTB.ceil64, rate64),
  ]);
}

/** Where what comes in on a link can be looked at (tc(8), ingress). */
export function newIngress(linkIndex: number): NetlinkMessage {
  return trafficMessage(RTM.newQdisc, { linkIndex, handle: ingressHandle, parent: TC_H_INGRESS }, 'ingress', []);
}

export interface Classifier {
  readonly linkIndex: number;
  readonly at: 'shaper' | 'ingress';
  readonly program: number;
  readonly name: string;
}

/** A program that decides about each packet (tc-bpf(8), direct action): in a shaper to the shaped class, past it, or dropped. */
export function newClassifier({ linkIndex, at, program, name }: Classifier): NetlinkMessage {
  const place = { linkIndex, handle: 0, parent: at === 'shaper' ? shaper : ingressHandle, info: (1 << 16) | anyProtocolNetworkOrder };
  return trafficMessage(RTM.newFilter, place, 'bpf', [
    attribute(TCA_BPF.classId, u32(shaper)),
    attribute(TCA_BPF.fd, u32(program)),
    attribute(TCA_BPF.name, text(name)),
    attribute(TCA_BPF.flags, u32(TCA_BPF_FLAG_ACT_DIRECT)),
  ]);
}

interface Place {
  readonly linkIndex: number;
  readonly handle: number;
  readonly parent: number;
  readonly info?: number;
}

function trafficMessage(type: number, { linkIndex, handle, parent, info = 0 }: Place, kind: string, options: readonly Buffer[]): NetlinkMessage {
  const head = Buffer.alloc(20);
  head.writeInt32LE(linkIndex, 4);
  head.writeUInt32LE(handle, 8);
  head.writeUInt32LE(parent, 12);
  head.writeUInt32LE(info, 16);
  return { type, flags: create, body: Buffer.concat([head, attribute(TCA_KIND, text(kind)), nested(TCA_OPTIONS, ...options)]) };
}
