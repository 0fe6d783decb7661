import { constants } from 'node:os';
import { CloisterError } from '../../errors.ts';
import type { Answer } from './rule.ts';
import { type Architecture, systemCallNumbers, systemCallTable } from './system-call-table.ts';

const libseccompNames = { x64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' } as const;

export interface OciSeccomp {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly OciSyscall[];
}

export interface OciSyscall {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly { readonly index: number; readonly value: number; readonly valueTwo: number; readonly op: 'SCMP_CMP_MASKED_EQ' }[];
}

/**
 * The table as an OCI runtime takes it (runtime-spec, config-linux.md#seccomp). Only the machine's own architecture is named: 32-bit and x32 entry
 * points are then killed by libseccomp's architecture check. Names that the architecture does not have are left out. Throws HostUnfit on one
 * without a table.
 */
export function ociSeccomp(architecture: NodeJS.Architecture): OciSeccomp {
  if (!isKnown(architecture))
    throw new CloisterError('HostUnfit', `there is no table of system calls for ${architecture}: x64 and arm64 have one`, { operation: 'seccomp' });
  const numbers = systemCallNumbers[architecture];
  const syscalls = systemCallTable
    // ENOSYS is the default: libseccomp refuses rules that say what it says anyway.
    .filter(({ answer }) => answer !== 'ENOSYS')
    .flatMap(({ answer, names, when }) => {
      const known = names.filter((name) => numbers[name] !== undefined);
      return known.length === 0
        ? []
        : (when ?? [[]]).map((tests) => ({ names: known, ...action(answer), ...(tests.length > 0 && { args: tests.map(argument) }) }));
    });
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: constants.errno.ENOSYS,
    architectures: [libseccompNames[architecture]],
    syscalls,
  };
}

function isKnown(architecture: string): architecture is Architecture {
  return architecture in systemCallNumbers;
}

function action(answer: Answer): Pick<OciSyscall, 'action' | 'errnoRet'> {
  return answer === 'allow' ? { action: 'SCMP_ACT_ALLOW' } : { action: 'SCMP_ACT_ERRNO', errnoRet: constants.errno[answer] };
}

function argument({ index, mask, value }: { readonly index: number; readonly mask: number; readonly value: number }) {
  return { index, value: mask, valueTwo: value, op: 'SCMP_CMP_MASKED_EQ' as const };
}
