import { describe, expect, it } from 'vitest';
import { droppedPackets, packetsWithoutRoute } from './router-counters.ts';

describe('droppedPackets()', () => {
  it('adds what rules and policies that drop have counted, and nothing else', () => {
    const rules = '-P INPUT DROP -c 3 180\n-P OUTPUT ACCEPT -c 9 540\n-A out -d 10.0.0.0/8 -c 4 240 -j DROP\n-A out -c 7 420 -j ACCEPT\n';
    expect(droppedPackets(rules)).toBe(7);
  });
});

describe('packetsWithoutRoute()', () => {
  it('adds the column of every processor, which is hexadecimal', () => {
    expect(packetsWithoutRoute('entries  in_hit in_no_route\n00000001  00000000 0000000a\n00000001  00000000 00000002\n')).toBe(12);
  });
});
