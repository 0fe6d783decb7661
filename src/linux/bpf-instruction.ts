/** Registers of the kernel's bytecode machine (kernel doc, "BPF Instruction Set"): r0 answers, r1 … r5 are given to a call and lost in it, r6 … r9 stay. */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;

const sizes = { u32: 0x00, u64: 0x18 } as const;
const LDX = 0x61;
const STX = 0x63;
const ALU64 = 0x07;
const JMP = 0x05;
const fromRegister = 0x08;
const operations = { add: 0x00, subtract: 0x10, multiply: 0x20, move: 0xb0 } as const;
/** Unsigned comparisons. */
const jumps = { always: 0x00, equal: 0x10, greaterOrEqual: 0x30, greater: 0x20, less: 0xa0 } as const;
const pseudoMapValue = 2;

/** target = *(size *)(base + offset) */
export const load = (size: keyof typeof sizes, target: Register, base: Register, offset: number) =>
  encode(LDX | sizes[size], target, base, offset, 0);
/** *(size *)(base + offset) = source */
export const store = (size: keyof typeof sizes, base: Register, offset: number, source: Register) =>
  encode(STX | sizes[size], base, source, offset, 0);
export const apply = (operation: keyof typeof operations, target: Register, source: Register) =>
  encode(ALU64 | fromRegister | operations[operation], target, source, 0, 0);
export const applyNumber = (operation: keyof typeof operations, target: Register, value: number) =>
  encode(ALU64 | operations[operation], target, 0, 0, value);
export const call = (helper: number) => encode(0x85, 0, 0, 0, helper);
export const exit = () => encode(0x95, 0, 0, 0, 0);

/** A 64-bit number takes two instructions. */
export function loadNumber(target: Register, value: bigint): [Buffer, Buffer] {
  return wide(target, 0, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
}

/** The address of a map's one value. */
export function loadMapValue(target: Register, mapFd: number): [Buffer, Buffer] {
  return wide(target, pseudoMapValue, mapFd, 0);
}

/** A jump to a label when `left` compares so with `right` (a register, or a number). */
export interface Jump {
  readonly when: keyof typeof jumps;
  readonly left: Register;
  readonly right: Register | { readonly number: number };
  readonly to: string;
}

/** Where a jump leads. */
export interface Label {
  readonly label: string;
}

export type Item = Buffer | Jump | Label | readonly Item[];

/** Lays instructions out and points each jump at its label. */
export function assemble(items: Item): Buffer[] {
  const flat = flatten(items);
  const places = new Map<string, number>();
  let count = 0;
  for (const item of flat) {
    if ('label' in item) places.set(item.label, count);
    else count += 1;
  }
  const code = flat.filter((item) => !('label' in item));
  return code.map((item, index) => (Buffer.isBuffer(item) ? item : encodeJump(item as Jump, (places.get((item as Jump).to) ?? 0) - index - 1)));
}

function flatten(item: Item): (Buffer | Jump | Label)[] {
  return Array.isArray(item) ? (item as readonly Item[]).flatMap(flatten) : [item as Buffer | Jump | Label];
}

function encodeJump({ when, left, right }: Jump, skip: number): Buffer {
  if (when === 'always') return encode(JMP, 0, 0, skip, 0);
  if (typeof right === 'object') return encode(JMP | jumps[when], left, 0, skip, right.number);
  return encode(JMP | fromRegister | jumps[when], left, right, skip, 0);
}

function wide(target: Register, source: number, low: number, high: number): [Buffer, Buffer] {
  return [encode(0x18, target, source, 0, low), encode(0, 0, 0, 0, high)];
}

function encode(code: number, target: number, source: number, offset: number, immediate: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes[0] = code;
  bytes[1] = (source << 4) | target;
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(immediate, 4);
  return bytes;
}
