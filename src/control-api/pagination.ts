import { invalidParameter } from './api-error.ts';

/** Most of Lambda's pages have at most 50 items, whatever is asked for. */
const defaultPageSize = 50;

/** One page of a list and where the next begins. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Absent on the last page. */
  readonly nextMarker?: string;
}

/** How one list operation is cut into pages. */
export interface PageRequest<Item> {
  /** Names the operation: a marker is good for the operation that gave it. */
  readonly list: string;
  readonly marker: string | undefined;
  readonly maxItems: number | undefined;
  /** @default 50 */
  readonly largestPage?: number;
  /** Patterns of the parts of an item's place in the order of the list. */
  readonly place: readonly RegExp[];
  readonly placeOf: (item: Item) => readonly string[];
  /** Items in order, those after a place only. */
  readonly read: (after: readonly string[] | undefined, limit: number) => Promise<readonly Item[]>;
}

/**
 * Reads a page. A marker holds the place of the last item that was given, not a count: items that come and go between two pages
 * neither hide nor repeat those that stay. Throws InvalidParameterValueException for a marker that is none of this list's.
 */
export async function readPage<Item>(request: PageRequest<Item>): Promise<Page<Item>> {
  const { maxItems, largestPage = defaultPageSize } = request;
  const size = Math.min(maxItems ?? largestPage, largestPage);
  // One more than a page shows whether there is a next.
  const found = await request.read(readMarker(request), size + 1);
  const items = found.slice(0, size);
  const last = items.at(-1);
  return found.length > size && last !== undefined ? { items, nextMarker: writeMarker(request.list, request.placeOf(last)) } : { items };
}

function writeMarker(list: string, place: readonly string[]): string {
  return Buffer.from(JSON.stringify([list, ...place])).toString('base64url');
}

function readMarker({ list, marker, place }: Pick<PageRequest<never>, 'list' | 'marker' | 'place'>): readonly string[] | undefined {
  if (marker === undefined || marker === '') return undefined;
  const [markedList, ...parts] = decode(marker);
  const fits = markedList === list && parts.length === place.length && parts.every((part, index) => place[index]?.test(part));
  if (!fits) throw invalidParameter('Invalid pagination key.');
  return parts;
}

function decode(marker: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(marker, 'base64url').toString('utf8'));
    return Array.isArray(value) && value.every((part) => typeof part === 'string') ? value : [];
  } catch {
    return [];
  }
}
