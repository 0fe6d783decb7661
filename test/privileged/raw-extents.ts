import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';

export interface Extent {
  readonly logical: number;
  readonly physical: number;
  readonly length: number;
  readonly flags: number;
}

/** FIEMAP (Documentation/filesystems/fiemap.rst) with FIEMAP_FLAG_SYNC, by Python: a function of ours that read the map wrongly would find nothing. */
const fiemap = `
import array, fcntl, json, struct, sys
file = open(sys.argv[1], 'rb')
extents, start = [], 0
while True:
    buffer = array.array('B', struct.pack('=QQIIII', start, 2**64 - 1 - start, 1, 0, 256, 0) + bytes(56 * 256))
    fcntl.ioctl(file, 0xC020660B, buffer)
    mapped = struct.unpack_from('=I', buffer, 20)[0]
    for index in range(mapped):
        logical, physical, length, _, _, flags, *_ = struct.unpack_from('=QQQQQIIII', buffer, 32 + 56 * index)
        extents.append({'logical': logical, 'physical': physical, 'length': length, 'flags': flags})
    if mapped == 0 or extents[-1]['flags'] & 1:
        break
    start = extents[-1]['logical'] + extents[-1]['length']
print(json.dumps(extents))
`;
/** FIEMAP_EXTENT_UNKNOWN, DELALLOC, ENCODED, DATA_INLINE: no bytes on the device are these. */
const withoutPlace = 0x2 | 0x4 | 0x8 | 0x200;

/** Where a file's bytes are on the device of its file system; the last extent says so itself. */
export function extentsOf(path: string): readonly Extent[] {
  const extents = JSON.parse(execFileSync('python3', ['-c', fiemap, path], { encoding: 'utf8', maxBuffer: 1 << 26 })) as Extent[];
  return extents.filter(({ flags }) => (flags & withoutPlace) === 0);
}

/** The bytes of the extents, as the device has them. */
export function readRaw(device: string, extents: readonly Extent[]): Buffer {
  const fd = openSync(device, 'r');
  try {
    return Buffer.concat(
      extents.map(({ physical, length }) => {
        const bytes = Buffer.alloc(length);
        readSync(fd, bytes, 0, length, physical);
        return bytes;
      }),
    );
  } finally {
    closeSync(fd);
  }
}
