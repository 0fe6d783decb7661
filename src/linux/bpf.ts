import koffi from 'koffi';
import { closeAll } from './descriptor.ts';
import { systemCall } from './libc.ts';

const bpfNumber = process.arch === 'arm64' ? 280 : 321;
const BPF_MAP_CREATE = 0;
const BPF_MAP_LOOKUP_ELEM = 1;
const BPF_MAP_UPDATE_ELEM = 2;
const BPF_PROG_LOAD = 5;
const BPF_MAP_TYPE_ARRAY = 2;
const BPF_PROG_TYPE_SCHED_CLS = 3;
const nameBytes = 16;

const name16 = koffi.array('uint8_t', nameBytes);
koffi.struct('bpf_map_create', {
  map_type: 'uint32_t',
  key_size: 'uint32_t',
  value_size: 'uint32_t',
  max_entries: 'uint32_t',
  map_flags: 'uint32_t',
  inner_map_fd: 'uint32_t',
  numa_node: 'uint32_t',
  map_name: name16,
});
koffi.struct('bpf_map_element', { map_fd: 'uint32_t', pad: 'uint32_t', key: 'void *', value: 'void *', flags: 'uint64_t' });
koffi.struct('bpf_prog_load', {
  prog_type: 'uint32_t',
  insn_cnt: 'uint32_t',
  insns: 'void *',
  license: 'void *',
  log_level: 'uint32_t',
  log_size: 'uint32_t',
  log_buf: 'void *',
  kern_version: 'uint32_t',
  prog_flags: 'uint32_t',
  prog_name: name16,
});
const createMap = systemCall('long syscall(long number, int command, bpf_map_create *attributes, uint32_t size)');
const element = systemCall('long syscall(long number, int command, bpf_map_element *attributes, uint32_t size)');
const loadProgram = systemCall('long syscall(long number, int command, bpf_prog_load *attributes, uint32_t size)');

/** One value of `sizeBytes` in kernel memory that programs and this process share (bpf(2), an array of one). */
export class BpfValue {
  readonly fd: number;
  readonly #sizeBytes: number;

  constructor(name: string, sizeBytes: number) {
    const attributes = {
      map_type: BPF_MAP_TYPE_ARRAY,
      key_size: 4,
      value_size: sizeBytes,
      max_entries: 1,
      map_flags: 0,
      inner_map_fd: 0,
      numa_node: 0,
      map_name: padded(name),
    };
    this.fd = createMap('bpf map', bpfNumber, BPF_MAP_CREATE, attributes, 44);
    this.#sizeBytes = sizeBytes;
  }

  write(value: Buffer): void {
    element('bpf map', bpfNumber, BPF_MAP_UPDATE_ELEM, { map_fd: this.fd, pad: 0, key: Buffer.alloc(4), value, flags: 0 }, 32);
  }

  read(): Buffer {
    const value = Buffer.alloc(this.#sizeBytes);
    element('bpf map', bpfNumber, BPF_MAP_LOOKUP_ELEM, { map_fd: this.fd, pad: 0, key: Buffer.alloc(4), value, flags: 0 }, 32);
    return value;
  }

  close(): void {
    closeAll(this.fd);
  }
}

/** Loads a classifier of packets; the kernel's verifier throws out one that could do harm. Answers its descriptor. */
export function loadClassifier(name: string, instructions: readonly Buffer[]): number {
  const attributes = {
    prog_type: BPF_PROG_TYPE_SCHED_CLS,
    insn_cnt: instructions.length,
    insns: Buffer.concat(instructions),
    license: Buffer.from('Apache-2.0\0'),
    log_level: 0,
    log_size: 0,
    log_buf: null,
    kern_version: 0,
    prog_flags: 0,
    prog_name: padded(name),
  };
  return loadProgram('bpf program', bpfNumber, BPF_PROG_LOAD, attributes, 64);
}

function padded(name: string): number[] {
  return [...Buffer.from(name.slice(0, nameBytes - 1).padEnd(nameBytes, '\0'), 'latin1')];
}
