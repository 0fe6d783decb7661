import { loadClassifier } from '../../linux/bpf.ts';
import { applyNumber, assemble, call, exit } from '../../linux/bpf-instruction.ts';
import { closeAll } from '../../linux/descriptor.ts';
import { inNetworkNamespace } from '../../linux/namespaces.ts';
import { NetlinkSocket } from '../../linux/netlink-socket.ts';
import { linkIndexOf } from '../../linux/network-socket.ts';
import { deleteLink, newAddress, newNeighbour, newVeth, setLinkUpByIndex } from '../../linux/rtnetlink.ts';
import { newClassifier, newIngress } from '../../linux/traffic-control.ts';
import type { IdRange } from '../../linux/user-and-time-namespace.ts';
import { UserModeNetwork } from '../../linux/user-mode-network.ts';
import type { UplinkAddresses } from './filter-rules.ts';
import { disableIpv6 } from './namespace-settings.ts';
import { uplinkName } from './slot-address.ts';
import { UplinkFiles } from './uplink-files.ts';

const network = '10.201.0.0/24';
export const uplinkAddresses: UplinkAddresses = { own: '10.201.0.100', gateway: '10.201.0.2', resolver: '10.201.0.3' };
/** What slirp4netns calls itself: 52:55 and its address. */
const gatewayMac = '52:55:0a:c9:00:02';
export const uplinkIndex = 2;
export const mtu = 1_500;
const wireIndex = 100;
const helperRedirect = 23;
const restartDelayMs = 1_000;

export interface UplinkOptions {
  readonly idRange: IdRange;
  /** A directory of the agent's own, made here. */
  readonly directory: string;
  /** Whom functions with egress ask for names. @default the first of the host's resolv.conf, as it is at the time */
  readonly resolver?: string | undefined;
  /** Puts the process that is the uplink's other end where its resources are bounded. */
  readonly confine: (pid: number) => void;
}

/** The one link that leads out of the router namespace: a cable to the namespace of a process that makes sockets of the host of what passes. */
export class Uplink {
  readonly #router: NetlinkSocket;
  readonly #options: UplinkOptions;
  readonly files: UplinkFiles;
  #process: UserModeNetwork | undefined;
  #closing = false;
  #restarting: Promise<void> = Promise.resolve();

  private constructor(router: NetlinkSocket, options: UplinkOptions) {
    this.#router = router;
    this.#options = options;
    this.files = UplinkFiles.make(options.directory, options.resolver);
  }

  static async open(router: NetlinkSocket, options: UplinkOptions): Promise<Uplink> {
    const uplink = new Uplink(router, options);
    try {
      await uplink.#start();
      return uplink;
    } catch (error) {
      await uplink.close();
      throw error;
    }
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#restarting;
    await this.#process?.end();
    this.#process = undefined;
    this.files[Symbol.dispose]();
  }

  async #start(): Promise<void> {
    const { idRange, confine } = this.#options;
    const process = await UserModeNetwork.start({ idRange, confine, network, linkName: 'tap0', mtu });
    try {
      const { tap, far } = inNetworkNamespace(process.namespace, () => {
        disableIpv6();
        return { tap: linkIndexOf('tap0'), far: NetlinkSocket.open() };
      });
      this.#connect(process.namespace, far, tap);
      far.close();
    } catch (error) {
      await process.end();
      throw error;
    }
    this.#process = process;
    void process.ended.then(() => {
      if (!this.#closing) this.#restarting = this.#restart(process);
    });
  }

  /** Without it the slots' tables have no way out, and are as black as they began: nothing opens, until it is back. */
  async #restart(ended: UserModeNetwork): Promise<void> {
    await ended.end();
    this.#process = undefined;
    this.#router.send('remove uplink', [deleteLink(uplinkIndex)], 'absent');
    await new Promise((resolve) => setTimeout(resolve, restartDelayMs));
    if (!this.#closing) await this.#start().catch(() => undefined);
  }

  #connect(namespace: number, far: NetlinkSocket, tap: number): void {
    const end = { noArp: false, mac: '02:63:6c:02:00:01' };
    this.#router.send('make uplink', [
      newVeth({
        here: { ...end, name: uplinkName, index: uplinkIndex, up: false },
        there: { ...end, mac: '02:63:6c:02:00:02', name: 'cloister-wire', index: wireIndex, up: false },
        namespace,
        mtu,
      }),
    ]);
    // What comes in at one end of the wire goes out at the other, frames as they are.
    const pass = (from: number, to: number) => {
      const program = loadClassifier(
        'cloister_wire',
        assemble([applyNumber('move', 1, to), applyNumber('move', 2, 0), call(helperRedirect), exit()]),
      );
      far.send('join uplink', [newIngress(from), newClassifier({ linkIndex: from, at: 'ingress', program, name: 'cloister_wire' })]);
      closeAll(program);
    };
    pass(tap, wireIndex);
    pass(wireIndex, tap);
    far.send('raise uplink', [setLinkUpByIndex(tap), setLinkUpByIndex(wireIndex)]);
    this.#router.send('raise uplink', [
      newAddress({ index: uplinkIndex, address: uplinkAddresses.own, length: 32 }),
      newNeighbour({ index: uplinkIndex, address: uplinkAddresses.gateway, mac: gatewayMac }),
      setLinkUpByIndex(uplinkIndex),
    ]);
  }
}
