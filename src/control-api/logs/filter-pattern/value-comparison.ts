import { compileLinearRegex } from './linear-regex.ts';
import type { PatternToken, TokenReader } from './pattern-tokens.ts';

/** What a field's value is compared with. */
export interface ValueComparison {
  readonly isNegated: boolean;
  readonly matchesText: (value: string) => boolean;
  readonly matchesNumber: (value: number) => boolean;
}

const operators = ['=', '!=', '<=', '>=', '<', '>'] as const;
type Operator = (typeof operators)[number];

const number = /^[+-]?(\d+([.]\d*)?|[.]\d+)([eE][+-]?\d+)?$/;

/** Reads an operator and a value; undefined when there is none that fits. */
export function readComparison(reader: TokenReader): ValueComparison | undefined {
  const token = reader.take();
  const operator = token?.kind === 'symbol' ? operators.find((each) => each === token.text) : undefined;
  const value = reader.take();
  if (operator === undefined || value === undefined || value.kind === 'symbol') return undefined;
  if (operator === '=' || operator === '!=') return equality(operator, value);
  return value.kind === 'text' && number.test(value.text) ? order(operator, Number(value.text)) : undefined;
}

function equality(operator: '=' | '!=', { kind, text }: PatternToken): ValueComparison | undefined {
  const isNegated = operator === '!=';
  if (kind === 'regex') {
    const matchesText = compileLinearRegex(text);
    return matchesText === undefined ? undefined : { isNegated, matchesText, matchesNumber: (value) => matchesText(String(value)) };
  }
  const matchesText = wildcard(text);
  const wanted = kind === 'text' && number.test(text) ? Number(text) : undefined;
  return { isNegated, matchesText, matchesNumber: (value) => (wanted === undefined ? matchesText(String(value)) : value === wanted) };
}

function order(operator: Exclude<Operator, '=' | '!='>, wanted: number): ValueComparison {
  const compare: Readonly<Record<typeof operator, (value: number) => boolean>> = {
    '<': (value) => value < wanted,
    '<=': (value) => value <= wanted,
    '>': (value) => value > wanted,
    '>=': (value) => value >= wanted,
  };
  const matchesNumber = compare[operator];
  return { isNegated: false, matchesNumber, matchesText: (value) => number.test(value) && matchesNumber(Number(value)) };
}

/** Whole values, in which `*` stands for any text. */
function wildcard(pattern: string): (value: string) => boolean {
  const parts = pattern.split('*');
  const [first = ''] = parts;
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return (value) => value === pattern;
  return (value) => {
    if (value.length < first.length + last.length || !value.startsWith(first) || !value.endsWith(last)) return false;
    let at = first.length;
    for (const part of parts.slice(1, -1)) {
      const found = value.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at <= value.length - last.length;
  };
}
