import { compileLinearRegex } from './linear-regex.ts';
import type { MessageFilter } from './message-filter.ts';

interface Term {
  readonly sign: '' | '?' | '-';
  readonly isIn: MessageFilter;
}

/** Plain terms may hold these; everything else is put between double quotes. */
const plain = /[^\s"%]/;

/**
 * Terms that all have to be in a message, `-term` that must not be, or `?term` of which one is enough. Optional terms beside others are ignored, as
 * AWS says. Undefined when it cannot be read.
 */
export function parseTermPattern(pattern: string): MessageFilter | undefined {
  const terms: Term[] = [];
  for (let index = 0; index < pattern.length; ) {
    if (/\s/.test(pattern[index] ?? '')) {
      index += 1;
      continue;
    }
    const found = readTerm(pattern, index);
    if (found === undefined) return undefined;
    terms.push(found.term);
    index = found.next;
  }
  const decisive = terms.filter(({ sign }) => sign !== '?');
  if (decisive.length === 0) return (message) => terms.some(({ isIn }) => isIn(message));
  return (message) => decisive.every(({ sign, isIn }) => isIn(message) === (sign === ''));
}

function readTerm(pattern: string, index: number): { term: Term; next: number } | undefined {
  const first = pattern[index];
  const sign = first === '?' || first === '-' ? first : '';
  const start = index + sign.length;
  const opening = pattern[start];
  if (opening === '"' || opening === '%') {
    const end = closing(pattern, start);
    if (end < 0) return undefined;
    const inner = pattern.slice(start + 1, end);
    const isIn = opening === '%' ? compileLinearRegex(inner) : containing(inner.replace(/\\(["\\])/g, '$1'));
    return isIn === undefined ? undefined : { term: { sign, isIn }, next: end + 1 };
  }
  let end = start;
  while (end < pattern.length && plain.test(pattern[end] ?? '')) end += 1;
  return end === start ? undefined : { term: { sign, isIn: containing(pattern.slice(start, end)) }, next: end };
}

const containing =
  (text: string): MessageFilter =>
  (message) =>
    message.includes(text);

/** Where the quote or percent sign that is open at `start` is closed; -1 when it is not. */
function closing(pattern: string, start: number): number {
  for (let index = start + 1; index < pattern.length; index += 1) {
    if (pattern[index] === '\\') index += 1;
    else if (pattern[index] === pattern[start]) return index;
  }
  return -1;
}
