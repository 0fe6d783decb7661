import { CloisterError } from '../errors.ts';
import { readKernelFile } from '../linux/kernel-file.ts';
import { agentCapabilityMask } from './agent-capabilities.ts';

/** Throws `HostUnfit` when this process, or anything it would start, has more power than the table gives: it was not started by `cloister up`. */
export function checkAgentPrivileges(status = readKernelFile('/proc/self/status')): void {
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '';
  const bounding = BigInt(`0x${field('CapBnd')}`);
  const inherited = BigInt(`0x${field('CapInh')}`) | BigInt(`0x${field('CapAmb')}`);
  if ((bounding & ~agentCapabilityMask) === 0n && inherited === 0n && field('NoNewPrivs') === '1') return;
  throw new CloisterError('HostUnfit', 'the agent has more privileges than it needs: start it with "cloister up"', { operation: 'check privileges' });
}
