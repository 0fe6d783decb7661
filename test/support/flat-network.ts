import { execFileSync } from 'node:child_process';
import { closeAll } from '../../src/linux/descriptor.ts';
import { makeNetworkNamespace } from '../../src/linux/namespaces.ts';

const prefix = '10.213';
const link = 'flat0';

/**
 * A network without any wall: a bridge to which every environment gets a second link, in a namespace that takes every address there is for its own, so
 * that whoever is looked for answers. All of it is in namespaces made here: no packet leaves them.
 */
export class FlatNetwork {
  readonly #namespace: number;
  #count = 0;

  constructor() {
    this.#namespace = makeNetworkNamespace(() => undefined).namespace;
    this.#ip('link', 'set', 'lo', 'up');
    this.#ip('link', 'add', 'bridge', 'type', 'bridge');
    this.#ip('addr', 'add', `${prefix}.0.1/16`, 'dev', 'bridge');
    this.#ip('link', 'set', 'bridge', 'up');
    this.#ip('route', 'add', 'local', '0.0.0.0/0', 'dev', 'lo');
  }

  /** Gives the network namespace `slot` a link to everybody, and routes to everything. */
  connect(slot: number): void {
    this.#count += 1;
    const [outer, path] = [`slot${this.#count}`, `/proc/${process.pid}/fd/${slot}`];
    this.#ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', link, 'netns', path);
    this.#ip('link', 'set', outer, 'master', 'bridge', 'up');
    const settings = ['all', 'default', link].map((name) => `echo 0 > /proc/sys/net/ipv6/conf/${name}/disable_ipv6`).join('; ');
    const commands = [
      settings,
      `echo 0 > /proc/sys/net/ipv6/conf/${link}/accept_dad`,
      'echo "0 2147483647" > /proc/sys/net/ipv4/ping_group_range',
      `ip addr add ${prefix}.0.${this.#count + 1}/16 dev ${link}`,
      `ip link set ${link} up`,
      // More specific than any default route.
      `ip route add 0.0.0.0/1 via ${prefix}.0.1 && ip route add 128.0.0.0/1 via ${prefix}.0.1`,
    ];
    inside(slot, 'sh', '-ec', commands.join('; '));
  }

  close(): void {
    closeAll(this.#namespace);
  }

  #ip(...args: readonly string[]): void {
    inside(this.#namespace, 'ip', ...args);
  }
}

function inside(namespace: number, ...command: readonly string[]): void {
  execFileSync('nsenter', [`--net=/proc/${process.pid}/fd/${namespace}`, '--', ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
}
