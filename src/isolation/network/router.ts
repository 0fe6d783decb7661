import { networkInterfaces } from 'node:os';
import { CloisterError } from '../../errors.ts';
import { closeAll } from '../../linux/descriptor.ts';
import { loadRules } from '../../linux/iptables.ts';
import { inNetworkNamespace, makeNetworkNamespace } from '../../linux/namespaces.ts';
import type { NetlinkMessage } from '../../linux/netlink-message.ts';
import { NetlinkSocket } from '../../linux/netlink-socket.ts';
import {
  deleteLink,
  deleteRoute,
  deleteRule,
  newNeighbour,
  newRoute,
  newRule,
  newVeth,
  type Route,
  type Rule,
  setLinkUpByIndex,
} from '../../linux/rtnetlink.ts';
import type { EgressPolicy } from './egress-policy.ts';
import { blockRules, closeRules, hostRules, openRules, routerRules, routerRulesOfIpv6 } from './filter-rules.ts';
import { hasIpv6, setUpRouterNamespace, setUpUplink } from './namespace-settings.ts';
import { blockOf, maxSlotNetworks, type SlotAddress, slotAddress, slotsPerBlock, uplinkName } from './slot-address.ts';
import { insideLink, insideMessages, type LinkCounters, makeSlotNamespace, type RouterPort, SlotNetwork } from './slot-network.ts';
import { isUnreachable, unreachableRanges } from './unreachable-ranges.ts';
import { mtu, Uplink, type UplinkOptions, uplinkAddresses, uplinkIndex } from './uplink.ts';

/** Leads what comes from the uplink, and nothing else, to slots with egress. */
const returnTable = 900;
const localTable = 255;
const priorities = { returns: 20_000, local: 30_000 } as const;
/** Behind every other route of a table. */
const lastMetric = 0xffff_ffff;
/** Networks that are ready before a slot asks. */
const readyNetworks = 4;
const refillDelayMs = 20;
const hostAddressesEveryMs = 5_000;

/** One end of a slot's cable, before it is up. `rx` is what goes to the environment, `tx` what comes from it. */
export interface SlotLinkEnd {
  readonly netlink: NetlinkSocket;
  readonly linkIndex: number;
  readonly direction: 'rx' | 'tx';
}

export interface NetworkRouterOptions {
  /** Given when some policy grants egress. */
  readonly uplink?: UplinkOptions | undefined;
  /** Told of each end while it is down; what it answers is disposed of with the slot. */
  readonly limitLink: (end: SlotLinkEnd) => LinkCounters | undefined;
}

/**
 * The namespace in which the cables of all slots end. No process is in it, the host's administrator has no rule in it and it has none in the host's; it
 * lives as long as this process holds its descriptor, and all that is in it ends with it.
 */
export class NetworkRouter implements RouterPort {
  readonly namespace: number;
  readonly #netlink: NetlinkSocket;
  /** Removing waits, on a thread of its own and so on a socket of its own. */
  readonly #removing: NetlinkSocket;
  readonly #options: NetworkRouterOptions;
  readonly #blocks = new Map<number, Promise<void>>();
  /** Given back in order, so that a number rests as long as possible. */
  readonly #free: number[] = [];
  readonly #routes = new Map<number, Route[]>();
  readonly #ready: SlotNetwork[] = [];
  #used = 0;
  #lastRules: Promise<unknown> = Promise.resolve();
  #lastRemoval: Promise<unknown> = Promise.resolve();
  #lastMark = 0;
  #uplink: Uplink | undefined;
  #hostAddresses = '';
  #hostTimer: NodeJS.Timeout | undefined;
  #refill: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: NetworkRouterOptions) {
    this.#options = options;
    const { namespace, result } = makeNetworkNamespace(() => {
      setUpRouterNamespace();
      return [NetlinkSocket.open(), NetlinkSocket.open()] as const;
    });
    this.namespace = namespace;
    [this.#netlink, this.#removing] = result;
  }

  /** Rejects with `WallUnavailable` that says what the host lacks. */
  static async open(options: NetworkRouterOptions): Promise<NetworkRouter> {
    const router = new NetworkRouter(options);
    try {
      await router.#setUp();
      return router;
    } catch (cause) {
      await router.close();
      if (cause instanceof CloisterError && cause.code === 'WallUnavailable') throw cause;
      const mend = 'the network wall cannot be raised: run "cloister doctor", which says what is missing';
      throw new CloisterError('WallUnavailable', `${mend} (${(cause as Error).message})`, { operation: 'make router namespace', cause });
    }
  }

  get uplinkPid(): number | undefined {
    return this.#uplink?.pid;
  }

  /** A network of nobody: no policy has opened it. Mostly one that was made before it was asked for. */
  async take(): Promise<SlotNetwork> {
    const network = this.#ready.shift() ?? (await this.#make());
    this.#refillLater();
    return network;
  }

  async open(slot: SlotAddress, policy: EgressPolicy): Promise<void> {
    if (this.#uplink === undefined)
      throw new CloisterError('WallUnavailable', 'a policy grants egress, but there is no uplink', { operation: 'open egress' });
    await this.#noteHostAddresses();
    this.#lastMark += 1;
    await this.#load(openRules({ slot, policy, uplink: uplinkAddresses, mark: this.#lastMark }));
    const routes = egressRoutes(slot, policy, this.#hostAddresses.split(' ').filter(Boolean));
    this.#routes.set(slot.index, routes);
    this.#netlink.send('open egress', routes.map(newRoute));
  }

  resolverFile(slot: SlotAddress, ownerId: number): number | undefined {
    return this.#uplink?.files.resolverFile(slot, ownerId);
  }

  async remove(slot: SlotAddress): Promise<void> {
    const routes = this.#routes.get(slot.index) ?? [];
    const removal = this.#lastRemoval.then(async () => {
      // ORDER: the cable first; nothing can pass any more when its rules and routes go.
      await this.#removing.sendAside('remove slot link', [deleteLink(slot.linkIndex)], 'absent');
      const rest = [...routes, closedRoute(slot)].map(deleteRoute);
      this.#removing.send('remove slot routes', [...rest, deleteRule(ruleOf(slot))], 'absent');
    });
    this.#lastRemoval = removal.catch(() => undefined);
    await removal;
    this.#uplink?.files.dropResolverFile(slot);
    if (routes.length > 0) await this.#load(closeRules(slot));
    this.#routes.delete(slot.index);
    // ORDER: the number is free when nothing of its last holder is left.
    this.#free.push(slot.index);
  }

  /** After every slot's network is closed. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#refill);
    clearInterval(this.#hostTimer);
    await Promise.allSettled(this.#blocks.values());
    for (const network of this.#ready.splice(0)) await network.close();
    await this.#lastRemoval;
    await this.#uplink?.close();
    await this.#lastRules;
    this.#netlink.close();
    this.#removing.close();
    closeAll(this.namespace);
  }

  async #setUp(): Promise<void> {
    const { uplink } = this.#options;
    // ORDER: everything is dropped before there is a link that something could come in by.
    await this.#load(routerRules(uplink === undefined ? undefined : uplinkAddresses));
    if (hasIpv6()) await loadRules(this.namespace, 'ipv6', routerRulesOfIpv6());
    this.#netlink.send('order the rules', [
      newRule({ priority: priorities.returns, table: returnTable }),
      newRule({ priority: priorities.local, table: localTable }),
      // What is left is the order that every namespace begins with: local first, and then tables that a link's addresses fill.
      ...[
        { priority: 0, table: localTable },
        { priority: 32_766, table: 254 },
        { priority: 32_767, table: 253 },
      ].map(deleteRule),
    ]);
    if (uplink !== undefined) {
      this.#uplink = await Uplink.open(this.#netlink, uplink);
      inNetworkNamespace(this.namespace, () => setUpUplink(uplinkName));
      await this.#noteHostAddresses();
      this.#hostTimer = setInterval(() => void this.#noteHostAddresses().catch(() => undefined), hostAddressesEveryMs);
      this.#hostTimer.unref();
    }
    await this.#block(0);
    this.#refillLater();
  }

  async #make(): Promise<SlotNetwork> {
    const slot = slotAddress(this.#takeNumber());
    await this.#block(blockOf(slot.index));
    using undo = new DisposableStack();
    undo.defer(() => this.#free.push(slot.index));
    const inside = makeSlotNamespace();
    undo.defer(() => {
      inside.netlink.close();
      closeAll(inside.runtimeApi, inside.namespace);
    });
    undo.defer(() =>
      this.#netlink.send('remove slot', [deleteLink(slot.linkIndex), deleteRoute(closedRoute(slot)), deleteRule(ruleOf(slot))], 'absent'),
    );
    this.#netlink.send('make slot link', cableMessages(slot, inside.namespace));
    inside.netlink.send('address slot link', insideMessages(slot));
    const limiters = [
      this.#options.limitLink({ netlink: this.#netlink, linkIndex: slot.linkIndex, direction: 'rx' }),
      this.#options.limitLink({ netlink: inside.netlink, linkIndex: insideLink.index, direction: 'tx' }),
    ].filter((limiter) => limiter !== undefined);
    for (const limiter of limiters) undo.use(limiter);
    this.#netlink.send('raise slot link', [setLinkUpByIndex(slot.linkIndex)]);
    undo.move();
    inside.netlink.close();
    return new SlotNetwork(inside, slot, this, limiters);
  }

  #takeNumber(): number {
    // A number that was used rests while there are others of its block.
    const fresh = this.#used % slotsPerBlock !== 0 || this.#free.length < slotsPerBlock / 2;
    if (fresh && this.#used < maxSlotNetworks) return this.#used++;
    const number = this.#free.shift();
    if (number === undefined) throw new CloisterError('NoCapacity', 'every network of the host is taken', { operation: 'take network' });
    return number;
  }

  #block(block: number): Promise<void> {
    let loaded = this.#blocks.get(block);
    if (loaded === undefined) {
      loaded = this.#load(blockRules(block));
      this.#blocks.set(block, loaded);
      loaded.catch(() => this.#blocks.delete(block));
    }
    return loaded;
  }

  /** ORDER: one load at a time. */
  #load(rules: string): Promise<void> {
    const loaded = this.#lastRules.then(() => loadRules(this.namespace, 'ipv4', rules));
    this.#lastRules = loaded.catch(() => undefined);
    return loaded;
  }

  #refillLater(): void {
    if (this.#closed || this.#refill !== undefined || this.#ready.length >= readyNetworks) return;
    this.#refill = setTimeout(() => {
      this.#make()
        .then((network) => (this.#closed ? network.close() : void this.#ready.push(network)))
        .then(
          () => this.#refillAgain(),
          () => {
            // Whoever asks next makes it itself, and hears what is wrong.
            this.#refill = undefined;
          },
        );
    }, refillDelayMs);
    this.#refill.unref();
  }

  #refillAgain(): void {
    this.#refill = undefined;
    this.#refillLater();
  }

  /** The host's addresses may change while we run, and public ones are not among the ranges that are never reached. */
  async #noteHostAddresses(): Promise<void> {
    const addresses = Object.values(networkInterfaces()).flatMap((list = []) =>
      list.flatMap(({ family, address }) => (family === 'IPv4' ? [address] : [])),
    );
    const known = [...new Set(addresses)].toSorted();
    if (known.join(' ') === this.#hostAddresses) return;
    this.#hostAddresses = known.join(' ');
    await this.#load(hostRules(known));
  }
}

function ruleOf({ table, link }: SlotAddress): Rule {
  return { priority: table, table, iif: link };
}

/** What a slot's table begins with. */
function closedRoute({ table }: SlotAddress): Route {
  return { table, kind: 'blackhole', destination: '0.0.0.0/0', metric: lastMetric };
}

/** ORDER: the slot's rule and its black table stand before its link is there. */
function cableMessages(slot: SlotAddress, namespace: number): NetlinkMessage[] {
  const end = { up: false, noArp: true } as const;
  return [
    newRoute(closedRoute(slot)),
    newRule(ruleOf(slot)),
    newVeth({
      here: { ...end, name: slot.link, index: slot.linkIndex, mac: slot.routerMac },
      there: { ...end, name: insideLink.name, index: insideLink.index, mac: slot.mac },
      namespace,
      mtu,
      noSegmentationOffload: true,
    }),
    newNeighbour({ index: slot.linkIndex, address: slot.address, mac: slot.mac }),
  ];
}

/** The ways a policy opens in a slot's table, the holes that stay in them, and the way back. */
function egressRoutes(slot: SlotAddress, policy: EgressPolicy, hostAddresses: readonly string[]): Route[] {
  const { table } = slot;
  const out = (destination: string): Route => ({ table, kind: 'unicast', destination, oif: uplinkIndex, gateway: uplinkAddresses.gateway });
  const opened = policy.kind === 'list' ? policy.destinations.map(({ cidr }) => cidr) : ['0.0.0.0/0'];
  const holes = [...unreachableRanges, ...hostAddresses.filter((address) => !isUnreachable(address)).map((address) => `${address}/32`)];
  return [
    ...[...new Set(opened.map(networkOf))].filter((cidr) => !isUnreachable(cidr) && !holes.includes(cidr)).map(out),
    out(`${uplinkAddresses.resolver}/32`),
    ...holes.map((destination): Route => ({ table, kind: 'blackhole', destination })),
    { table: returnTable, kind: 'unicast', destination: `${slot.address}/32`, oif: slot.linkIndex },
  ];
}

/** `203.0.113.7/24` is `203.0.113.0/24` to the kernel. */
function networkOf(cidr: string): string {
  const [address = '', length = '32'] = cidr.split('/');
  const value = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const size = 2 ** (32 - Number(length));
  const first = Math.floor(value / size) * size;
  return `${[24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.')}/${length}`;
}
