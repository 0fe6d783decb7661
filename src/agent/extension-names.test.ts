import { expect, it } from 'vitest';
import { extensionNames } from './extension-names.ts';

it('sorts by name, and names each once', () => expect(extensionNames(['b', 'a.sh', 'B', 'b'])).toEqual(['B', 'a.sh', 'b']));

it.each(['', '.', '..', '.hidden', '../bootstrap', 'a/b', '-flag', 'two words', 'tab\there', 'line\nfeed', 'ümlaut', 'a'.repeat(129), '\u001b[2J'])(
  'takes %j for no extension',
  (name) => expect(extensionNames([name, 'sound'])).toEqual(['sound']),
);

it('tells of no more than 64', () => expect(extensionNames(Array.from({ length: 100 }, (_, index) => `e${index}`))).toHaveLength(64));
