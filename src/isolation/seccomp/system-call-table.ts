import { CloisterError } from '../../errors.ts';
import type { Rule } from './rule.ts';
import { fileRules } from './rules/files.ts';
import { memoryRules } from './rules/memory.ts';
import { processPropertyRules } from './rules/process-properties.ts';
import { processRules } from './rules/processes.ts';
import { requestRules } from './rules/requests.ts';
import { socketOptionRules } from './rules/socket-options.ts';
import { socketRules } from './rules/sockets.ts';
import { systemRules } from './rules/system.ts';
import table from './system-call-numbers.json' with { type: 'json' };

/** Architectures whose system calls are known, by Node's names for them. */
export type Architecture = 'x64' | 'arm64';

/** Every system call that Linux 7.2 has on an architecture, with its number (tools/make-system-call-numbers.ts). */
export const systemCallNumbers: Readonly<Record<Architecture, Readonly<Record<string, number>>>> = table;

/** What every system call answers inside an environment, in the daemon and in the builder, and why. One table for all architectures. */
export const systemCallTable: readonly Rule[] = [
  ...fileRules,
  ...memoryRules,
  ...processRules,
  ...processPropertyRules,
  ...requestRules,
  ...socketRules,
  ...socketOptionRules,
  ...systemRules,
];

/** The architecture, if there is a table for it; else HostUnfit. */
export function tabled(architecture: NodeJS.Architecture): Architecture {
  if (architecture === 'x64' || architecture === 'arm64') return architecture;
  throw new CloisterError('HostUnfit', `there is no table of system calls for ${architecture}: x64 and arm64 have one`, { operation: 'seccomp' });
}
