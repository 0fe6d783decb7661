/**
 * The host agent's capability bounding set (capabilities(7)), and with it that of every process it starts: nothing else can be had again, whatever is
 * executed. `cloister up` empties the rest before Node begins, since the kernel keeps these sets per thread and Node has about ten of them.
 */
export const agentCapabilities = {
  chown: 'files made for the daemon, the builder and the ids of a slot are given to them',
  dac_override: 'files and directories of the daemon and of slots are read, filled and removed',
  fowner: 'permissions of such files are set after they have been given away',
  kill: 'processes of environments and of the builder are ended',
  mknod: 'the device nodes of /dev are made',
  net_admin: 'links, addresses, routes, traffic control and iptables of slots',
  net_raw: 'iptables opens a raw socket where it is the legacy kind',
  setgid: 'OCI runtimes become the group of the process they start, and write gid maps',
  setpcap: 'OCI runtimes empty the bounding set of what they start',
  setuid: 'OCI runtimes become the user of the process they start, and write uid maps',
  sys_admin: 'mounts, namespaces, control groups, loop devices, encryption keys',
  sys_chroot: 'mount namespaces are entered, and OCI runtimes leave the old root',
  sys_ptrace: 'namespaces, root and descriptors of processes of other users are reached through /proc',
  sys_resource: 'limits above root’s own are given, and the out-of-memory scores of agent and daemon are lowered',
} as const;

/** Numbers of linux/capability.h. */
const numbers: Readonly<Record<keyof typeof agentCapabilities, number>> = {
  chown: 0,
  dac_override: 1,
  fowner: 3,
  kill: 5,
  setgid: 6,
  setuid: 7,
  setpcap: 8,
  net_admin: 12,
  net_raw: 13,
  sys_chroot: 18,
  sys_ptrace: 19,
  sys_admin: 21,
  sys_resource: 24,
  mknod: 27,
};

/** The set as the kernel writes it in /proc/PID/status, as a number. */
export const agentCapabilityMask: bigint = Object.values(numbers).reduce((mask, number) => mask | (1n << BigInt(number)), 0n);

export const setprivPath = '/usr/bin/setpriv';

/** The command under setpriv(1): no capability but those of the table, none inheritable, and no_new_privs, so that no set-user-id program gives any back. */
export function withAgentCapabilities(command: readonly string[]): readonly string[] {
  const kept = Object.keys(agentCapabilities).map((name) => `+${name}`);
  return [setprivPath, `--bounding-set=-all,${kept.join(',')}`, '--inh-caps=-all', '--ambient-caps=-all', '--no-new-privs', '--', ...command];
}
