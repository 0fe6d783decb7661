/** What no policy opens: IPv4 networks that are not public (IANA's special-purpose registry), among them every address Cloister itself uses. */
export const unreachableRanges: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

/** Whether all of `cidr` lies in one of those ranges. */
export function isUnreachable(cidr: string): boolean {
  const inner = parse(cidr);
  return unreachableRanges
    .map(parse)
    .some((outer) => inner.length >= outer.length && prefix(inner.address, outer.length) === prefix(outer.address, outer.length));
}

function parse(cidr: string): { readonly address: number; readonly length: number } {
  const [address = '', length = '32'] = cidr.split('/');
  return { address: address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0), length: Number(length) };
}

function prefix(address: number, length: number): number {
  return Math.floor(address / 2 ** (32 - length));
}
