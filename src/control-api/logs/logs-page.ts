import { ApiError } from '../api-error.ts';
import { readPage } from '../pagination.ts';
import { invalidToken } from './logs-error.ts';

interface LogsPageRequest<Item> {
  /** The operation: a token is good for the operation that gave it. */
  readonly list: string;
  readonly nextToken: string | undefined;
  readonly limit: number | undefined;
  /** Where an item stands in the order. */
  readonly placeOf: (item: Item) => readonly string[];
  readonly isAfter: (item: Item, place: readonly string[]) => boolean;
  /** All there are, in order. */
  readonly items: readonly Item[];
  /** @default a place has one part */
  readonly parts?: number;
}

/** A page of a list, and `next` with the token of the next page if there is one. Throws InvalidParameterException for a token that is none of this list's. */
export async function readLogsPage<Item>(request: LogsPageRequest<Item>): Promise<{
  readonly items: readonly Item[];
  readonly next: { readonly nextToken?: string };
}> {
  const { list, nextToken, limit, placeOf, isAfter, items, parts = 1 } = request;
  try {
    const page = await readPage({
      list,
      marker: nextToken,
      maxItems: limit,
      place: Array.from({ length: parts }, () => /^.*$/s),
      placeOf,
      read: async (after, count) => (after === undefined ? items : items.filter((item) => isAfter(item, after))).slice(0, count),
    });
    return { items: page.items, next: page.nextMarker === undefined ? {} : { nextToken: page.nextMarker } };
  } catch (error) {
    throw error instanceof ApiError ? invalidToken() : error;
  }
}
