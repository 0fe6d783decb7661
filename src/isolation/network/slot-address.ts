/** Slots share chains of their block in the filter, so that a packet passes few rules however many slots there are. */
export const slotsPerBlock = 100;
export const maxSlotNetworks = 10_000;

/** The one gateway that every environment with egress knows. No link has this address: a permanent neighbour entry leads to the router's end of the cable. */
export const gatewayAddress = '10.202.0.1';
/** What resolv.conf names in an environment with egress. */
export const resolverAddress = '10.202.0.53';
/** The link that leads to the host, when some policy needs it. */
export const uplinkName = 'cloister-uplink';

/** What a slot's number gives it. All of these are names within the router namespace: two instances of Cloister never meet. */
export interface SlotAddress {
  readonly index: number;
  /** The router's end of the cable. */
  readonly link: string;
  readonly linkIndex: number;
  /** The environment's address, its hardware address, and the one at the router's end. */
  readonly address: string;
  readonly mac: string;
  readonly routerMac: string;
  /** The slot's routing table, and the priority of the rule that leads to it. */
  readonly table: number;
  /** Prefix of the names of the slot's chains: as its link. */
  readonly chain: string;
}

/** Slot 312 has link cloister-0312, address 10.203.3.13 and table 1312. */
export function slotAddress(index: number): SlotAddress {
  const [block, place] = [Math.floor(index / slotsPerBlock), index % slotsPerBlock];
  const digits = `${twoDigits(block)}${twoDigits(place)}`;
  const tail = `${hexadecimal(block)}:${hexadecimal(place)}`;
  return {
    index,
    link: `cloister-${digits}`,
    linkIndex: 1_000 + index,
    address: `10.203.${block}.${place + 1}`,
    mac: `02:63:6c:00:${tail}`,
    routerMac: `02:63:6c:01:${tail}`,
    table: 1_000 + index,
    chain: `cloister-${digits}`,
  };
}

export function blockOf(index: number): number {
  return Math.floor(index / slotsPerBlock);
}

/** Begin of the names of a block's links and chains. */
export function blockPrefix(block: number): string {
  return `cloister-${twoDigits(block)}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

function hexadecimal(value: number): string {
  return value.toString(16).padStart(2, '0');
}
