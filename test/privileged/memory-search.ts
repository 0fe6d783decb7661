import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

export interface Found {
  /** Where in the process's memory. */
  readonly address: bigint;
  /** Of the mapping it is in (proc_pid_smaps(5)): `lo` locked, `dd` not dumped, `wf` wiped in children. */
  readonly flags: readonly string[];
}

const chunkBytes = 4 * 1024 * 1024;

/** Every place in a process's memory where the bytes stand, by reading /proc/PID/mem as root. */
export function searchMemory(pid: number, wanted: Buffer): Found[] {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    return mappings(pid).flatMap(({ start, end, flags }) => placesIn(memory, { start, end, wanted }).map((address) => ({ address, flags })));
  } finally {
    closeSync(memory);
  }
}

interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  readonly flags: readonly string[];
}

function mappings(pid: number): Mapping[] {
  const blocks = readFileSync(`/proc/${pid}/smaps`, 'utf8').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
  return blocks.flatMap((block) => {
    const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(block) ?? [];
    if (start === undefined || end === undefined) return [];
    const flags = /^VmFlags: (.*)$/m.exec(block)?.[1]?.trim().split(' ') ?? [];
    return [{ start: BigInt(`0x${start}`), end: BigInt(`0x${end}`), flags }];
  });
}

function placesIn(memory: number, { start, end, wanted }: Pick<Mapping, 'start' | 'end'> & { readonly wanted: Buffer }): bigint[] {
  const places: bigint[] = [];
  const chunk = Buffer.alloc(chunkBytes + wanted.length - 1);
  for (let at = start; at < end; at += BigInt(chunkBytes)) {
    const length = Number(end - at < BigInt(chunk.length) ? end - at : BigInt(chunk.length));
    const got = tryRead(memory, chunk.subarray(0, length), at);
    for (let index = got.indexOf(wanted); index >= 0; index = got.indexOf(wanted, index + 1)) places.push(at + BigInt(index));
  }
  return [...new Set(places)];
}

/** The kernel refuses its own pages, such as vvar. */
function tryRead(memory: number, into: Buffer, at: bigint): Buffer {
  try {
    return into.subarray(0, readSync(memory, into, 0, into.length, at));
  } catch {
    return into.subarray(0, 0);
  }
}
