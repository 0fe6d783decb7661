import { runCommand } from '../../linux/run-command.ts';
import type { Check } from '../check.ts';

const timeoutMs = 10_000;

/** ip(8), used in a network namespace of its own. */
export const networkToolsCheck: Check = {
  id: 'ip',
  severity: 'advice',
  needsRoot: true,
  why: 'links and routes will be made with it once functions get a network; now they have a loopback link only',
  fix: 'apt-get install iproute2',
  packages: ['iproute2'],
  measure: async () => {
    const { stdout } = await runCommand('unshare', ['--net', '--', 'ip', '-oneline', 'link', 'show'], { timeoutMs });
    return { ok: stdout.includes('lo'), found: 'a new network namespace holds only lo' };
  },
};

/** iptables(8), used in a network namespace of its own, so that the host's rules are not touched. */
export const iptablesCheck: Check = {
  id: 'iptables',
  severity: 'advice',
  needsRoot: true,
  why: 'what enters and leaves an environment will be filtered by it once functions get a network',
  fix: 'apt-get install iptables; boot a kernel with CONFIG_NF_TABLES or CONFIG_IP_NF_IPTABLES',
  packages: ['iptables'],
  measure: async () => {
    const script = 'iptables -N cloister-doctor && iptables -A cloister-doctor -j DROP && iptables -S cloister-doctor && iptables --version';
    const { stdout } = await runCommand('unshare', ['--net', '--', 'sh', '-ec', script], { timeoutMs });
    return { ok: stdout.includes('-j DROP'), found: `${stdout.trim().split('\n').at(-1)}; a rule could be made` };
  },
};
