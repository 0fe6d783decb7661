import { allowTable, denyTable } from './table.ts';

const ENOSYS = 38;
const EPERM = 1;

export interface OciSeccomp {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly {
    readonly names: readonly string[];
    readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
    readonly errnoRet?: number;
    readonly args?: readonly {
      readonly index: number;
      readonly value: number;
      readonly valueTwo?: number;
      readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_MASKED_EQ';
    }[];
  }[];
}

/**
 * The tables as an OCI runtime takes them (runtime-spec, config-linux.md#seccomp). Only the machine's own architecture is named: 32-bit and x32 entry
 * points are then killed by libseccomp's architecture check.
 */
export function ociSeccomp(architecture: NodeJS.Architecture): OciSeccomp {
  const allowed = allowTable.flatMap(({ names, when }) =>
    (when ?? [[]]).map((tests) => ({
      names,
      action: 'SCMP_ACT_ALLOW' as const,
      ...(tests.length > 0 && {
        args: tests.map(({ index, value, mask }) =>
          mask === undefined
            ? { index, value, op: 'SCMP_CMP_EQ' as const }
            : { index, value: mask, valueTwo: value, op: 'SCMP_CMP_MASKED_EQ' as const },
        ),
      }),
    })),
  );
  const denied = denyTable.map(({ names }) => ({ names, action: 'SCMP_ACT_ERRNO' as const, errnoRet: EPERM }));
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: ENOSYS,
    architectures: [architecture === 'arm64' ? 'SCMP_ARCH_AARCH64' : 'SCMP_ARCH_X86_64'],
    syscalls: [...allowed, ...denied],
  };
}
