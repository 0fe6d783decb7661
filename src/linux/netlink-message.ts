/** Flags of nlmsghdr (netlink(7)). */
export const netlinkFlags = { request: 1, acknowledge: 4, dump: 0x300, replace: 0x100, exclusive: 0x200, create: 0x400 } as const;

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  /** The family's fixed header and its attributes. */
  readonly body: Buffer;
}

/** An attribute (rtattr): length, type, payload, padded to four bytes. Nested attributes are given as their bytes. */
export function attribute(type: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(4 + payload.length, 0);
  head.writeUInt16LE(type, 2);
  return Buffer.concat([head, payload, Buffer.alloc((4 - (payload.length % 4)) % 4)]);
}

export function nested(type: number, ...attributes: readonly Buffer[]): Buffer {
  return attribute(type, Buffer.concat(attributes));
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`, 'latin1');
}

/** The four bytes of `a.b.c.d`. */
export function ipv4(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** The six bytes of `aa:bb:cc:dd:ee:ff`. */
export function mac(address: string): Buffer {
  return Buffer.from(address.replaceAll(':', ''), 'hex');
}

/** One datagram of all messages, numbered from `firstSequence` on. */
export function encodeMessages(messages: readonly NetlinkMessage[], firstSequence: number): Buffer {
  return Buffer.concat(
    messages.flatMap(({ type, flags, body }, index) => {
      const head = Buffer.alloc(16);
      head.writeUInt32LE(16 + body.length, 0);
      head.writeUInt16LE(type, 4);
      head.writeUInt16LE(flags, 6);
      head.writeUInt32LE(firstSequence + index, 8);
      return [head, body, Buffer.alloc((4 - (body.length % 4)) % 4)];
    }),
  );
}

export interface NetlinkReply {
  readonly type: number;
  readonly sequence: number;
  readonly body: Buffer;
}

/** Splits what the kernel answered into messages. */
export function decodeMessages(bytes: Buffer): NetlinkReply[] {
  const replies: NetlinkReply[] = [];
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (length < 16) break;
    replies.push({ type: bytes.readUInt16LE(at + 4), sequence: bytes.readUInt32LE(at + 8), body: bytes.subarray(at + 16, at + length) });
    at += (length + 3) & ~3;
  }
  return replies;
}
