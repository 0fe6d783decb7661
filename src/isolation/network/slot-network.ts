import { closeAll } from '../../linux/descriptor.ts';
import { inNetworkNamespace, makeNetworkNamespace } from '../../linux/namespaces.ts';
import { NetlinkSocket } from '../../linux/netlink-socket.ts';
import { bindLoopbackSocket, setLinkUp } from '../../linux/network-socket.ts';
import { newAddress, newNeighbour, newRoute, setLinkUpByIndex } from '../../linux/rtnetlink.ts';
import type { EgressPolicy } from './egress-policy.ts';
import { LoopbackConnections } from './loopback-connections.ts';
import { disableIpv6 } from './namespace-settings.ts';
import { gatewayAddress, type SlotAddress } from './slot-address.ts';

export const runtimeApiPort = 9001;
const mainTable = 254;
export const insideLink = { name: 'eth0', index: 2 } as const;

/** What the router does for one slot, at its own end of the cable. */
export interface RouterPort {
  readonly namespace: number;
  /** Lets through what the policy says. Rejects with `WallUnavailable` where there is no uplink. */
  open(slot: SlotAddress, policy: EgressPolicy): Promise<void>;
  /** A resolv.conf that names the resolver's address, owned by `ownerId`, to be attached in the environment; the caller closes it. */
  resolverFile(slot: SlotAddress, ownerId: number): number | undefined;
  /** Takes the router's end, with all that leads to it, and gives the slot's number back. */
  remove(slot: SlotAddress): Promise<void>;
}

/** What limits one end of the cable, as its wall made it. */
export interface LinkCounters extends Disposable {
  readonly direction: 'rx' | 'tx';
  counters(): Readonly<Record<string, number>>;
}

export interface SlotNamespace {
  readonly namespace: number;
  /** SECURITY: closed before the environment can look: /proc/net/netlink shows whose it is. */
  readonly netlink: NetlinkSocket;
  readonly runtimeApi: number;
}

/**
 * A namespace with a loopback link that is up, and the Runtime API's socket bound there.
 * SECURITY: it belongs to the host's user namespace, so no id of the environment has any right over it.
 */
export function makeSlotNamespace(): SlotNamespace {
  const { namespace, result } = makeNetworkNamespace(() => {
    disableIpv6();
    setLinkUp('lo');
    return { runtimeApi: bindLoopbackSocket(runtimeApiPort), netlink: NetlinkSocket.open() };
  });
  return { namespace, ...result };
}

/** A slot's network: its namespace, and its cable to the router, whose inner end is down until a policy opens it. */
export class SlotNetwork {
  readonly namespace: number;
  readonly runtimeApi: number;
  readonly address: SlotAddress;
  readonly #router: RouterPort;
  readonly #limiters: readonly LinkCounters[];
  readonly #connections: LoopbackConnections;
  #opening: Promise<void> | undefined;
  #policy: EgressPolicy = { kind: 'none' };
  #closing: Promise<void> | undefined;

  constructor(inside: Pick<SlotNamespace, 'namespace' | 'runtimeApi'>, address: SlotAddress, router: RouterPort, limiters: readonly LinkCounters[]) {
    this.namespace = inside.namespace;
    this.runtimeApi = inside.runtimeApi;
    this.address = address;
    this.#router = router;
    this.#limiters = limiters;
    this.#connections = new LoopbackConnections(inside.namespace);
  }

  /** See `LoopbackConnections.open`. */
  connect(port: number): Promise<number> {
    return this.#connections.open(port);
  }

  /** Descriptor of the router's namespace. */
  get router(): number {
    return this.#router.namespace;
  }

  limiterCounters(): Readonly<Record<string, Readonly<Record<string, number>>>> {
    return Object.fromEntries(this.#limiters.map((limiter) => [limiter.direction, limiter.counters()]));
  }

  /** Opens what the policy says, once. With `none` nothing changes: the environment has no route, and asking for one answers ENETUNREACH at once. */
  async open(policy: EgressPolicy): Promise<void> {
    if (policy.kind === 'none') return;
    this.#opening ??= this.#open(policy);
    await this.#opening;
  }

  /** What stands for /etc/resolv.conf, once opened: undefined without egress, where there is no resolver. The caller closes it. */
  resolverFile(ownerId: number): number | undefined {
    return this.#policy.kind === 'none' ? undefined : this.#router.resolverFile(this.address, ownerId);
  }

  /** ORDER: after the last process in the namespace is gone. Works after a failed open(), and twice. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #open(policy: EgressPolicy): Promise<void> {
    await this.#router.open(this.address, policy);
    this.#policy = policy;
    const { index } = insideLink;
    const netlink = inNetworkNamespace(this.namespace, () => NetlinkSocket.open());
    try {
      netlink.send('open egress', [
        setLinkUpByIndex(index),
        newRoute({ table: mainTable, kind: 'unicast', destination: '0.0.0.0/0', oif: index, gateway: gatewayAddress }),
      ]);
    } finally {
      netlink.close();
    }
  }

  async #close(): Promise<void> {
    // ORDER: what is being opened now would be opened for the slot's next holder.
    await this.#opening?.catch(() => undefined);
    closeAll(this.runtimeApi);
    await this.#router.remove(this.address);
    for (const limiter of this.#limiters) limiter[Symbol.dispose]();
    closeAll(this.namespace);
  }
}

/** What the environment's end of the cable gets before anything can use it. */
export function insideMessages({ address, routerMac }: SlotAddress) {
  return [
    newAddress({ index: insideLink.index, address, length: 32 }),
    newNeighbour({ index: insideLink.index, address: gatewayAddress, mac: routerMac }),
  ];
}
