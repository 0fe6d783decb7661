import { describe, expect, it } from 'vitest';
import { isUnreachable } from './unreachable-ranges.ts';

describe('isUnreachable()', () => {
  it.each([
    '10.0.0.0/8',
    '10.203.0.1/32',
    '127.0.0.1/32',
    '169.254.169.254/32',
    '172.31.255.255/32',
    '192.168.0.0/16',
    '224.0.0.1/32',
    '255.255.255.255/32',
  ])('says yes to %s', (cidr) => expect(isUnreachable(cidr)).toBe(true));

  it.each(['0.0.0.0/0', '8.0.0.0/6', '11.0.0.0/8', '172.32.0.0/16', '192.169.0.0/16', '203.0.113.7/32', '223.255.255.255/32'])(
    'says no to %s: some of it is public',
    (cidr) => expect(isUnreachable(cidr)).toBe(false),
  );
});
