import type { MessageFilter } from './message-filter.ts';
import { TokenReader, tokenizePattern } from './pattern-tokens.ts';
import { readComparison, type ValueComparison } from './value-comparison.ts';

type Condition = (event: unknown) => boolean;
/** A member's name, an element's index, or every element. */
type Step = string | number | '[*]';

const maxDepth = 64;

/** `{ $.a = "x" && ($.b[0] > 1 || $.c NOT EXISTS) }`. Messages that are not JSON do not match. Undefined when it cannot be read. */
export function parseJsonPattern(pattern: string): MessageFilter | undefined {
  if (!pattern.endsWith('}')) return undefined;
  const tokens = tokenizePattern(pattern.slice(1, -1));
  if (tokens === undefined) return undefined;
  const reader = new TokenReader(tokens);
  const condition = readAlternatives(reader, 0);
  if (condition === undefined || !reader.isAtEnd) return undefined;
  return (message) => {
    const event = parseEvent(message);
    return event !== undefined && condition(event);
  };
}

function parseEvent(message: string): unknown {
  const start = message.trimStart();
  if (!start.startsWith('{') && !start.startsWith('[')) return undefined;
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
}

function readAlternatives(reader: TokenReader, depth: number): Condition | undefined {
  return readJoined(reader, { symbol: '||', each: () => readConjunction(reader, depth), join: (all) => (event) => all.some((one) => one(event)) });
}

function readConjunction(reader: TokenReader, depth: number): Condition | undefined {
  return readJoined(reader, { symbol: '&&', each: () => readOne(reader, depth), join: (all) => (event) => all.every((one) => one(event)) });
}

function readJoined(
  reader: TokenReader,
  options: { symbol: string; each: () => Condition | undefined; join: (all: readonly Condition[]) => Condition },
): Condition | undefined {
  const all: Condition[] = [];
  do {
    const one = options.each();
    if (one === undefined) return undefined;
    all.push(one);
  } while (reader.takeSymbol(options.symbol));
  return options.join(all);
}

function readOne(reader: TokenReader, depth: number): Condition | undefined {
  if (reader.takeSymbol('(')) {
    const inner = depth < maxDepth ? readAlternatives(reader, depth + 1) : undefined;
    return reader.takeSymbol(')') ? inner : undefined;
  }
  const token = reader.take();
  const path = token?.kind === 'text' ? parseSelector(token.text) : undefined;
  if (path === undefined) return undefined;
  if (reader.takeWord('IS')) return readIs(reader, path);
  if (reader.takeWord('NOT')) return reader.takeWord('EXISTS') ? (event) => select(event, path).length === 0 : undefined;
  if (reader.takeWord('EXISTS')) return (event) => select(event, path).length > 0;
  const comparison = readComparison(reader);
  return comparison === undefined ? undefined : (event) => select(event, path).some((value) => compare(value, comparison));
}

function readIs(reader: TokenReader, path: readonly Step[]): Condition | undefined {
  const wanted = reader.takeWord('NULL') ? null : reader.takeWord('TRUE') ? true : reader.takeWord('FALSE') ? false : undefined;
  return wanted === undefined ? undefined : (event) => select(event, path).includes(wanted);
}

function compare(value: unknown, { isNegated, matchesText, matchesNumber }: ValueComparison): boolean {
  if (typeof value === 'string') return matchesText(value) !== isNegated;
  if (typeof value === 'number') return matchesNumber(value) !== isNegated;
  if (typeof value === 'boolean') return matchesText(String(value)) !== isNegated;
  return false;
}

/** `$.a.b[0].c`, `$['a.b']`, `$.a[*]`. */
function parseSelector(text: string): Step[] | undefined {
  if (!text.startsWith('$')) return undefined;
  const steps: Step[] = [];
  for (let rest = text.slice(1); rest !== ''; ) {
    const match = /^(?:[.]([\w$@-]+)|[.]?\[(?:(\d{1,9})|([*])|'([^']*)'|"([^"]*)")\])/.exec(rest);
    if (match === null) return undefined;
    const [whole, name, index, star, single, double] = match;
    steps.push(index !== undefined ? Number(index) : star !== undefined ? '[*]' : (name ?? single ?? double ?? ''));
    rest = rest.slice(whole.length);
  }
  return steps.length === 0 ? undefined : steps;
}

/** The values at a path: none, one, or with `[*]` several. */
function select(event: unknown, path: readonly Step[]): unknown[] {
  let values = [event];
  for (const step of path) values = values.flatMap((value) => follow(value, step));
  return values;
}

function follow(value: unknown, step: Step): unknown[] {
  if (Array.isArray(value)) return step === '[*]' ? value : typeof step === 'number' && step < value.length ? [value[step]] : [];
  if (typeof value !== 'object' || value === null || typeof step === 'number') return [];
  return Object.hasOwn(value, step) ? [(value as Record<string, unknown>)[step]] : [];
}
