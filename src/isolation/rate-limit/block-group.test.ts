import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { V1BlockGroup } from './v1-block-group.ts';
import { V2BlockGroup } from './v2-block-group.ts';

let root: string;
const own = { number: '7:3', isOwn: true };
const disk = { number: '254:0', isOwn: false };
const rates = { bytesPerSecond: 1_000.4, operationsPerSecond: 5e9 };

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cloister-block-group-'));
  mkdirSync(join(root, 'env'));
  mkdirSync(join(root, 'devices/7:3'), { recursive: true });
  writeFileSync(join(root, 'devices/7:3/stat'), '    10 2 100 5 20 3 200 7 0 1 2 4 0 64 1\n');
});

afterEach(() => rmSync(root, { recursive: true }));

const read = (file: string) => readFileSync(join(root, file), 'utf8');
const fill = (file: string, text: string) => writeFileSync(join(root, file), text);

describe('V1BlockGroup', () => {
  const rules = ['read_bps', 'write_bps', 'read_iops', 'write_iops'];
  let group: V1BlockGroup;

  beforeEach(() => {
    for (const directory of ['.', 'env']) for (const rule of rules) fill(`${directory}/blkio.throttle.${rule}_device`, '');
    group = new V1BlockGroup({ directory: join(root, 'env'), root, devices: join(root, 'devices') });
  });

  it('limit() of the own device holds the group, and in the root group what kernel threads write', () => {
    group.limit(own, rates);
    expect(rules.map((rule) => read(`env/blkio.throttle.${rule}_device`))).toEqual(['7:3 1000', '7:3 1000', '7:3 4294967295', '7:3 4294967295']);
    expect(rules.map((rule) => read(`blkio.throttle.${rule}_device`))).toEqual(['', '7:3 1000', '', '7:3 4294967295']);
    expect(group.readings(own)['writeback_write_bps']?.value).toBe(1000);
    group.lift(own);
    expect(read('blkio.throttle.write_bps_device')).toMatch(/^7:3 0/);
    expect(read('env/blkio.throttle.read_bps_device')).toMatch(/^7:3 0/);
  });

  it('limit() of a shared disk leaves the root group alone', async () => {
    await group.limitFirst(disk, { bytesPerSecond: 0.2 });
    expect(read('env/blkio.throttle.read_bps_device')).toBe('254:0 1');
    expect(read('env/blkio.throttle.read_iops_device')).toBe('');
    expect(read('blkio.throttle.write_bps_device')).toBe('');
  });

  it("used() is the group's part of a disk, usedOfOwn() all of the device's", () => {
    fill('env/blkio.throttle.io_service_bytes', '254:0 Read 4096\n254:0 Write 512\n254:0 Total 4608\n7:3 Read 1\nTotal 4609\n');
    fill('env/blkio.throttle.io_serviced', '254:0 Read 3\n254:0 Write 1\n');
    expect(group.used('254:0')).toEqual({ bytes: 4608, operations: 4 });
    expect(group.used('8:0')).toEqual({ bytes: 0, operations: 0 });
    expect(group.usedOfOwn('7:3')).toEqual({ bytes: 300 * 512, operations: 35, below: { bytes: 100 * 512, operations: 12 } });
  });
});

describe('V2BlockGroup', () => {
  let group: V2BlockGroup;

  beforeEach(() => {
    fill('env/io.max', '');
    group = new V2BlockGroup({ directory: join(root, 'env'), devices: join(root, 'devices') });
  });

  it('limit() and lift() write io.max', async () => {
    await group.limitFirst(own, rates);
    expect(read('env/io.max')).toBe('7:3 rbps=1000 wbps=1000 riops=4294967295 wiops=4294967295');
    expect(group.readings(own)['ioMax']?.value).toBe('rbps=1000 wbps=1000 riops=4294967295 wiops=4294967295');
    group.lift(own);
    expect(read('env/io.max')).toMatch(/^7:3 rbps=max wbps=max riops=max wiops=max/);
  });

  it('used() is what io.stat says of the disk; below the own device its writes count, too', () => {
    fill('env/io.stat', '7:3 rbytes=1 wbytes=1 rios=1 wios=1 dbytes=0 dios=0\n254:0 rbytes=4096 wbytes=512 rios=3 wios=1 dbytes=0 dios=0\n');
    expect(group.used('254:0')).toEqual({ bytes: 4608, operations: 4 });
    expect(group.usedOfOwn('7:3').below).toEqual({ bytes: 300 * 512, operations: 35 });
  });
});
