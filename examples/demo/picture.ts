import { crc32, deflateSync } from 'node:zlib';

const width = 960;
const height = 640;
const bayWidth = 160;
const archRadius = 56;
const archCentreY = 330;
const floorY = 540;

type Colour = readonly [number, number, number];

/** A real picture: the arcade of a cloister in evening light, 960 by 640, as a PNG. */
export function cloisterPicture(): Buffer {
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y += 1) {
    const start = y * (1 + width * 3);
    for (let x = 0; x < width; x += 1) rows.set(colourAt(x, y), start + 1 + x * 3);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits a channel, RGB.
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/** Width and height of a PNG. Throws when it is none. */
export function pngSize(png: Buffer): { readonly width: number; readonly height: number } {
  if (png.toString('latin1', 1, 4) !== 'PNG' || png.toString('latin1', 12, 16) !== 'IHDR') throw new Error('this is not a PNG');
  return { width: png.readUInt32BE(16), height: png.readUInt32BE(20) };
}

function colourAt(x: number, y: number): Colour {
  const grain = stoneGrain(x, y);
  if (y >= floorY) return shade([150, 128, 104], (0.65 + (0.35 * (y - floorY)) / (height - floorY)) * grain);
  if (isOpening(x, y)) return evening(x, y);
  const joint = y % 40 < 2 || (x + (Math.floor(y / 40) % 2) * 40) % 80 < 2;
  return shade([196, 172, 138], (joint ? 0.7 : 1) * grain);
}

function isOpening(x: number, y: number): boolean {
  const offset = (x % bayWidth) - bayWidth / 2;
  if (y >= archCentreY) return Math.abs(offset) < archRadius;
  return offset ** 2 + (y - archCentreY) ** 2 < archRadius ** 2;
}

function evening(x: number, y: number): Colour {
  const sun = Math.hypot(x - 610, y - 410);
  if (sun < 34) return [255, 244, 214];
  const glow = Math.max(0, 1 - sun / 260);
  const hill = 470 - 40 * Math.sin(x / 90) - 18 * Math.sin(x / 31);
  if (y > hill) return shade([74, 98, 66], 0.7 + 0.5 * glow);
  const depth = (y - 270) / 270;
  return [90 + 140 * depth + 60 * glow, 110 + 70 * depth + 40 * glow, 170 - 40 * depth];
}

/** A pattern without repeats that is the same in every run. */
function stoneGrain(x: number, y: number): number {
  const value = Math.sin(x * 12.9898 + y * 78.233) * 43_758.5453;
  return 0.92 + 0.16 * (value - Math.floor(value));
}

function shade([red, green, blue]: Colour, factor: number): Colour {
  const clamp = (value: number) => Math.max(0, Math.min(255, value * factor));
  return [clamp(red), clamp(green), clamp(blue)];
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
