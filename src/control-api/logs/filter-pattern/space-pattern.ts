import type { MessageFilter } from './message-filter.ts';
import { type PatternToken, TokenReader, tokenizePattern } from './pattern-tokens.ts';
import { readComparison, type ValueComparison } from './value-comparison.ts';

type Condition = (fields: ReadonlyMap<string, string>) => boolean;

interface Field {
  readonly name: string;
  readonly condition: Condition | undefined;
}

/**
 * `[ip, user, status = 4*, ..., bytes > 1000]`: a message's fields between spaces, as many as there are in the pattern; `...` stands for any number.
 * What is in square brackets or double quotes is one field. Undefined when it cannot be read.
 */
export function parseSpacePattern(pattern: string): MessageFilter | undefined {
  if (!pattern.endsWith(']')) return undefined;
  const tokens = tokenizePattern(pattern.slice(1, -1));
  if (tokens === undefined) return undefined;
  const parts = splitAtCommas(tokens);
  const fields: Field[] = [];
  let ellipsisAt = -1;
  for (const [index, part] of parts.entries()) {
    const [only] = part;
    if (part.length === 1 && only?.kind === 'symbol' && only.text === '...') {
      if (ellipsisAt >= 0) return undefined;
      ellipsisAt = index;
      continue;
    }
    const field = readField(part, `w${index + 1}`);
    if (field === undefined) return undefined;
    fields.push(field);
  }
  if (parts.length === 0) return undefined;
  const conditions = fields.flatMap(({ condition }) => condition ?? []);
  return (message) => {
    const named = nameFields(splitMessage(message), fields, ellipsisAt);
    return named !== undefined && conditions.every((condition) => condition(named));
  };
}

function splitAtCommas(tokens: readonly PatternToken[]): PatternToken[][] {
  const parts: PatternToken[][] = [[]];
  for (const token of tokens) {
    if (token.kind === 'symbol' && token.text === ',') parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}

function readField(part: readonly PatternToken[], usualName: string): Field | undefined {
  const [first, ...rest] = part;
  if (first === undefined) return { name: usualName, condition: undefined };
  if (rest.length === 0) return first.kind === 'text' ? { name: first.text, condition: undefined } : undefined;
  const reader = new TokenReader(part);
  const condition = readAlternatives(reader);
  const name = part.find(({ kind }) => kind === 'text')?.text;
  return condition === undefined || !reader.isAtEnd || name === undefined ? undefined : { name, condition };
}

function readAlternatives(reader: TokenReader): Condition | undefined {
  const all: Condition[][] = [[]];
  for (;;) {
    const one = readOne(reader);
    if (one === undefined) return undefined;
    all.at(-1)?.push(one);
    if (reader.takeSymbol('||')) all.push([]);
    else if (!reader.takeSymbol('&&')) break;
  }
  return (fields) => all.some((conjunction) => conjunction.every((condition) => condition(fields)));
}

function readOne(reader: TokenReader): Condition | undefined {
  if (reader.takeSymbol('(')) {
    const inner = readAlternatives(reader);
    return reader.takeSymbol(')') ? inner : undefined;
  }
  const token = reader.take();
  if (token?.kind !== 'text') return undefined;
  const comparison = readComparison(reader);
  return comparison === undefined ? undefined : (fields) => compare(fields.get(token.text), comparison);
}

function compare(value: string | undefined, { isNegated, matchesText, matchesNumber }: ValueComparison): boolean {
  if (value === undefined) return false;
  const asNumber = value === '' ? Number.NaN : Number(value);
  return (matchesText(value) || (!Number.isNaN(asNumber) && matchesNumber(asNumber))) !== isNegated;
}

function splitMessage(message: string): string[] {
  return Array.from(message.matchAll(/\[([^\]]*)\]|"([^"]*)"|(\S+)/g), ([, bracketed, quoted, plain]) => bracketed ?? quoted ?? plain ?? '');
}

function nameFields(values: readonly string[], fields: readonly Field[], ellipsisAt: number): ReadonlyMap<string, string> | undefined {
  const leftOut = values.length - fields.length;
  if (leftOut < 0 || (ellipsisAt < 0 && leftOut > 0)) return undefined;
  return new Map(fields.map(({ name }, index) => [name, values[ellipsisAt >= 0 && index >= ellipsisAt ? index + leftOut : index] ?? '']));
}
