import { readFileSync } from 'node:fs';
import type { NeighbourAddresses } from './attack.ts';

/** Addresses and gateways of a process's network namespace, from its files in /proc (proc(5)); the loopback link is left out. */
export function readAddresses(pid: number): NeighbourAddresses {
  const directory = `/proc/${pid}/net`;
  const local = [...read(`${directory}/fib_trie`).matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL/g)].map(([, address]) => address ?? '');
  const ipv6 = read(`${directory}/if_inet6`)
    .split('\n')
    .flatMap((line) => {
      const [digits = '', , , , , link] = line.trim().split(/\s+/);
      return link === undefined || link === 'lo' ? [] : [(digits.match(/.{4}/g) ?? []).join(':')];
    });
  const links = read(`${directory}/dev`)
    .split('\n')
    .slice(2)
    .map((line) => line.split(':')[0]?.trim() ?? '')
    .filter((name) => name !== '' && name !== 'lo');
  const gateways = read(`${directory}/route`)
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t')[2] ?? '')
    .filter((field) => /^[0-9A-F]{8}$/.test(field) && field !== '00000000');
  return {
    ipv4: [...new Set(local)].filter((address) => !address.startsWith('127.')),
    ipv6: [...new Set(ipv6)],
    links,
    gateways: [...new Set(gateways.map(dotted))],
  };
}

/** Little endian, as /proc/net/route prints addresses. */
function dotted(digits: string): string {
  return (digits.match(/../g) ?? [])
    .toReversed()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
