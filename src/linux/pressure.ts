import { tryReadKernelFile } from './kernel-file.ts';

/** Share of the last ten seconds in which some, and in which all, tasks of the host waited for a resource; percent. */
export interface Pressure {
  readonly some: number;
  readonly full: number;
}

/** Pressure stall information (Documentation/accounting/psi.rst); undefined where the kernel has none. */
export function readPressure(resource: 'cpu' | 'memory' | 'io', directory = '/proc/pressure'): Pressure | undefined {
  const text = tryReadKernelFile(`${directory}/${resource}`);
  if (text === undefined) return undefined;
  const read = (kind: string) => Number(new RegExp(`^${kind} avg10=([\\d.]+)`, 'm').exec(text)?.[1] ?? 0);
  return { some: read('some'), full: read('full') };
}
