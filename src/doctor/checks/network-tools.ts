import { existsSync } from 'node:fs';
import { NetworkRouter } from '../../isolation/network/router.ts';
import { LinkLimiter } from '../../isolation/rate-limit/link-limiter.ts';
import { runCommand } from '../../linux/run-command.ts';
import type { Check } from '../check.ts';
import { mendDeviceNode } from '../mend-device-node.ts';

const timeoutMs = 10_000;
const probeBucket = { size: 1_000_000, refillTimeMs: 1_000, oneTimeBurst: 1_000_000 };

/** ip(8) and tc(8), with which the state of an environment's network is read. */
export const networkToolsCheck: Check = {
  id: 'ip',
  severity: 'required',
  needsRoot: true,
  why: 'links, routes and queues of environments are shown with it',
  fix: 'apt-get install iproute2',
  packages: ['iproute2'],
  measure: async () => {
    const { stdout } = await runCommand('unshare', ['--net', '--', 'sh', '-ec', 'ip -oneline link show; tc qdisc show'], { timeoutMs });
    return { ok: stdout.includes('lo'), found: 'a new network namespace holds only lo' };
  },
};

/** Raises the whole network wall for one slot of nobody's, in a router namespace of its own, and takes it down again: the host's rules are not touched. */
export const networkWallCheck: Check = {
  id: 'network-wall',
  severity: 'required',
  needsRoot: true,
  why: 'each environment has a cable to a router namespace of ours, filtered by iptables, with a token bucket on both ends',
  fix:
    'apt-get install iptables; boot a kernel with CONFIG_VETH, CONFIG_IP_MULTIPLE_TABLES, CONFIG_NF_TABLES or CONFIG_IP_NF_IPTABLES, ' +
    'CONFIG_NETFILTER_XT_MATCH_CONNLIMIT, _MAC, _CONNMARK, CONFIG_NET_SCH_HTB and CONFIG_NET_CLS_BPF',
  packages: ['iptables'],
  modules: ['veth', 'nf_tables', 'nft_compat', 'xt_connlimit', 'xt_mac', 'xt_connmark', 'sch_htb', 'cls_bpf'],
  measure: async () => {
    const limiter = { bandwidth: probeBucket, ops: probeBucket };
    const router = await NetworkRouter.open({ limitLink: (end) => LinkLimiter.install({ ...end, limiter }) });
    try {
      await (await router.take()).close();
    } finally {
      await router.close();
    }
    return { ok: true, found: 'a cable with its rules, routes and token buckets was made' };
  },
};

/** What functions with egress leave the host by. */
export const uplinkCheck: Check = {
  id: 'uplink',
  severity: 'advice',
  needsRoot: true,
  why: 'connections of functions that a policy grants egress are made by it; without such a policy nothing needs it',
  fix: 'apt-get install slirp4netns; modprobe tun',
  packages: ['slirp4netns'],
  modules: ['tun'],
  mend: async () => mendDeviceNode('tun', '/dev/net/tun'),
  measure: async () => {
    const { stdout } = await runCommand('slirp4netns', ['--version'], { timeoutMs });
    if (!existsSync('/dev/net/tun')) return { ok: false, found: '/dev/net/tun is missing' };
    return { ok: true, found: stdout.split('\n')[0] ?? '' };
  },
};
