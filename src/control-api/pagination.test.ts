import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPage } from './pagination.ts';

const pageOf = (names: readonly string[], marker: string | undefined, maxItems: number | undefined, list = 'Names') =>
  readPage({
    list,
    marker,
    maxItems,
    largestPage: 5,
    place: [/^[a-z]+$/],
    placeOf: (name: string) => [name],
    read: async ([after = ''] = [], limit) =>
      [...names]
        .sort()
        .filter((name) => name > after)
        .slice(0, limit),
  });

describe('readPage()', () => {
  it('ends without a marker, also on a full last page', async () => {
    expect(await pageOf(['a', 'b'], undefined, 2)).toEqual({ items: ['a', 'b'] });
    expect(await pageOf([], undefined, undefined)).toEqual({ items: [] });
    expect((await pageOf(['a', 'b', 'c', 'd', 'e', 'f'], undefined, 10_000)).items).toHaveLength(5);
    expect((await pageOf(['a', 'b'], '', 1)).items).toEqual(['a']);
  });

  it('neither repeats nor loses what stays while items come and go between pages', async () => {
    const name = fc.stringMatching(/^[a-z]{1,3}$/);
    const change = fc.record({ add: fc.array(name), remove: fc.array(name) });
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name), fc.array(change), fc.integer({ min: 1, max: 4 }), async (first, changes, size) => {
        const names = new Set(first);
        const stayed = new Set(first);
        const seen: string[] = [];
        let marker: string | undefined;
        let page = 0;
        do {
          const { items, nextMarker } = await pageOf([...names], marker, size);
          seen.push(...items);
          marker = nextMarker;
          const { add = [], remove = [] } = changes[page] ?? {};
          page += 1;
          for (const added of add) names.add(added);
          for (const removed of remove) if (names.delete(removed)) stayed.delete(removed);
        } while (marker !== undefined);
        expect(new Set(seen).size).toBe(seen.length);
        expect(seen).toEqual(expect.arrayContaining([...stayed]));
      }),
    );
  });

  it('takes no marker but its own', async () => {
    const { nextMarker } = await pageOf(['a', 'b'], undefined, 1);
    expect(await pageOf(['a', 'b'], nextMarker, 1)).toEqual({ items: ['b'] });
    const refusal = { type: 'InvalidParameterValueException', message: 'Invalid pagination key.' };
    await expect(pageOf(['a', 'b'], nextMarker, 1, 'Others')).rejects.toMatchObject(refusal);
    const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const marker of [
      'x',
      'ünlesbar',
      forged({}),
      forged(['Names']),
      forged(['Names', 'a', 'b']),
      forged(['Names', 7]),
      forged(['Names', 'A']),
    ]) {
      await expect(pageOf(['a'], marker, 1)).rejects.toMatchObject(refusal);
    }
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1 }), async (marker) => {
        await expect(pageOf(['a'], marker, 1)).rejects.toMatchObject(refusal);
      }),
    );
  });
});
