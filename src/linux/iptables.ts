import { runCommand } from './run-command.ts';

const timeoutMs = 30_000;

/** Programs that load rules, by protocol. */
const programs = { ipv4: 'iptables-restore', ipv6: 'ip6tables-restore' } as const;

/**
 * Loads rules into the network namespace of descriptor `namespace`, all of them or none (iptables-restore(8)); what the text does not name stays.
 */
export async function loadRules(namespace: number, protocol: keyof typeof programs, rules: string): Promise<void> {
  const enter = `--net=/proc/${process.pid}/fd/${namespace}`;
  await runCommand('nsenter', [enter, '--', programs[protocol], '--noflush', '--wait'], { input: rules, timeoutMs });
}
