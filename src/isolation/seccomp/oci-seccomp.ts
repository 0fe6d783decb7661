import { constants } from 'node:os';
import { filterProgram } from './filter-program.ts';
import type { Answer, ArgumentTest } from './rule.ts';
import { type Architecture, systemCallNumbers, systemCallTable, tabled } from './system-call-table.ts';

const libseccompNames = { x64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' } as const;

export interface OciSeccomp {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly OciSyscall[];
}

export type OciArgument =
  | { readonly index: number; readonly value: number; readonly valueTwo: number; readonly op: 'SCMP_CMP_MASKED_EQ' }
  | { readonly index: number; readonly value: number; readonly op: 'SCMP_CMP_EQ' };

export interface OciSyscall {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly OciArgument[];
}

/** How both OCI runtimes take the wall. */
export interface SeccompConfiguration {
  readonly annotations: Readonly<Record<string, string>>;
  readonly seccomp: OciSeccomp;
}

const configurations = new Map<Architecture, SeccompConfiguration>();

/**
 * The filter for crun, which loads it as it is (crun(1), run.oci.seccomp_bpf_data) and reads no further, and the table for runc, which has libseccomp
 * compile it. Throws HostUnfit on an architecture without a table.
 */
export function seccompConfiguration(machine: NodeJS.Architecture): SeccompConfiguration {
  const architecture = tabled(machine);
  let made = configurations.get(architecture);
  if (made === undefined) {
    made = {
      annotations: { 'run.oci.seccomp_bpf_data': filterProgram(architecture).toString('base64') },
      seccomp: ociSeccomp(architecture),
    };
    configurations.set(architecture, made);
  }
  return made;
}

/**
 * The table as libseccomp takes it (runtime-spec, config-linux.md#seccomp). Only the machine's own architecture is named: 32-bit and x32 entry
 * points are then killed by libseccomp's architecture check. Names that the architecture does not have are left out.
 */
export function ociSeccomp(architecture: Architecture): OciSeccomp {
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

function action(answer: Answer): Pick<OciSyscall, 'action' | 'errnoRet'> {
  return answer === 'allow' ? { action: 'SCMP_ACT_ALLOW' } : { action: 'SCMP_ACT_ERRNO', errnoRet: constants.errno[answer] };
}

function argument({ index, mask, value, whole }: ArgumentTest): OciArgument {
  return whole === true ? { index, value, op: 'SCMP_CMP_EQ' } : { index, value: mask, valueTwo: value, op: 'SCMP_CMP_MASKED_EQ' };
}
