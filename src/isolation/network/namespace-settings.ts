import { existsSync } from 'node:fs';
import { writeKernelFile } from '../../linux/kernel-file.ts';

const ipv4 = '/proc/sys/net/ipv4';
const ipv6 = '/proc/sys/net/ipv6';

/** Whether this kernel has IPv6 at all. */
export function hasIpv6(): boolean {
  return existsSync(ipv6);
}

/**
 * Turns IPv6 off for every link that this thread's namespace gets from now on (kernel doc, ip-sysctl, disable_ipv6): no address, no packet in or out.
 * The loopback link, which was there before, keeps ::1. ORDER: before a link is made, so that it never is up with it.
 */
export function disableIpv6(): void {
  if (hasIpv6()) writeKernelFile(`${ipv6}/conf/default/disable_ipv6`, 1);
}

/**
 * Settings of the router's namespace (kernel doc, ip-sysctl). A packet is taken only where its sender's address is routed to (rp_filter), no address is
 * told by ARP (arp_ignore), and nothing answers for itself.
 */
export function setUpRouterNamespace(): void {
  disableIpv6();
  const settings: Readonly<Record<string, number>> = {
    ip_forward: 1,
    icmp_echo_ignore_all: 1,
    'conf/all/rp_filter': 0,
    'conf/default/rp_filter': 1,
    'conf/default/arp_ignore': 8,
    'conf/all/accept_redirects': 0,
    'conf/all/send_redirects': 0,
    'conf/default/send_redirects': 0,
    'conf/all/accept_source_route': 0,
    'conf/default/accept_source_route': 0,
  };
  for (const [name, value] of Object.entries(settings)) writeKernelFile(`${ipv4}/${name}`, value);
}

/** The uplink's other end asks for our address by ARP, and answers come from anywhere. */
export function setUpUplink(name: string): void {
  writeKernelFile(`${ipv4}/conf/${name}/arp_ignore`, 1);
  writeKernelFile(`${ipv4}/conf/${name}/rp_filter`, 0);
}
