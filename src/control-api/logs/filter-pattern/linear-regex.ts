/** One step: a set of characters that stands between `min` and `max` times. */
interface Piece {
  readonly matches: (code: number) => boolean;
  readonly min: number;
  readonly max: number;
}

interface Alternative {
  readonly pieces: readonly Piece[];
  readonly fromStart: boolean;
  readonly toEnd: boolean;
}

const literal = /[A-Za-z0-9:_#=@/;,\- ]/;
const classes: Readonly<Record<string, (code: number) => boolean>> = {
  d: (code) => code >= 48 && code <= 57,
  s: (code) => code === 32 || (code >= 9 && code <= 13),
  w: (code) => (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95,
};
/** A repetition is written out: more than this no pattern needs, and states cost time with every character. */
const maxStates = 128;

/**
 * The regular expressions of CloudWatch Logs' filter patterns, which have no groups (AWS: "Supported regular expressions syntax"). Undefined when the
 * text is not one. SECURITY: it takes time in proportion to the message, whatever the pattern: all states advance together, nothing is tried again.
 */
export function compileLinearRegex(source: string): ((text: string) => boolean) | undefined {
  const alternatives: Alternative[] = [];
  for (const part of splitAlternatives(source)) {
    const alternative = parseAlternative(part);
    if (alternative === undefined) return undefined;
    alternatives.push(alternative);
  }
  if (alternatives.reduce((sum, alternative) => sum + countStates(alternative), 0) > maxStates) return undefined;
  const machines = alternatives.map(buildMachine);
  return (text) => machines.some((machine) => machine(text));
}

function splitAlternatives(source: string): string[] {
  const parts = [''];
  let isInClass = false;
  for (let index = 0; index < source.length; index += 1) {
    const character = source[index] ?? '';
    if (character === '|' && !isInClass) {
      parts.push('');
      continue;
    }
    const escaped = character === '\\' ? (source[index + 1] ?? '') : '';
    index += escaped.length;
    if (character === '[') isInClass = true;
    if (character === ']') isInClass = false;
    parts.push(`${parts.pop()}${character}${escaped}`);
  }
  return parts;
}

function parseAlternative(source: string): Alternative | undefined {
  const fromStart = source.startsWith('^');
  const toEnd = source.endsWith('$') && !source.endsWith('\\$');
  const body = source.slice(fromStart ? 1 : 0, toEnd ? -1 : undefined);
  const pieces: Piece[] = [];
  for (let index = 0; index < body.length; ) {
    const atom = parseAtom(body, index);
    if (atom === undefined) return undefined;
    const quantifier = parseQuantifier(body, atom.next);
    if (quantifier === undefined) return undefined;
    pieces.push({ matches: atom.matches, min: quantifier.min, max: quantifier.max });
    index = quantifier.next;
  }
  return pieces.length === 0 && !fromStart && !toEnd ? undefined : { pieces, fromStart, toEnd };
}

function parseAtom(body: string, index: number): { matches: (code: number) => boolean; next: number } | undefined {
  const character = body[index] ?? '';
  if (character === '.') return { matches: () => true, next: index + 1 };
  if (character === '\\') {
    const matches = escapedSet(body[index + 1]);
    return matches === undefined ? undefined : { matches, next: index + 2 };
  }
  if (character === '[') return parseClass(body, index);
  return literal.test(character) ? { matches: equalTo(character), next: index + 1 } : undefined;
}

function parseClass(body: string, index: number): { matches: (code: number) => boolean; next: number } | undefined {
  const isNegated = body[index + 1] === '^';
  const sets: ((code: number) => boolean)[] = [];
  let at = index + (isNegated ? 2 : 1);
  while (at < body.length && body[at] !== ']') {
    if (body[at] === '\\') {
      const set = escapedSet(body[at + 1]);
      if (set === undefined) return undefined;
      sets.push(set);
      at += 2;
    } else if (body[at + 1] === '-' && at + 2 < body.length && body[at + 2] !== ']') {
      const [low, high] = [body.charCodeAt(at), body.charCodeAt(at + 2)];
      if (low > high) return undefined;
      sets.push((code) => code >= low && code <= high);
      at += 3;
    } else {
      sets.push(equalTo(body[at] ?? ''));
      at += 1;
    }
  }
  if (body[at] !== ']' || sets.length === 0) return undefined;
  return { matches: (code) => sets.some((set) => set(code)) !== isNegated, next: at + 1 };
}

function escapedSet(character: string | undefined): ((code: number) => boolean) | undefined {
  if (character === undefined) return undefined;
  const set = classes[character.toLowerCase()];
  if (set !== undefined) return character === character.toLowerCase() ? set : (code) => !set(code);
  return /[A-Za-z0-9]/.test(character) ? undefined : equalTo(character);
}

function parseQuantifier(body: string, index: number): { min: number; max: number; next: number } | undefined {
  const character = body[index];
  if (character === '?') return { min: 0, max: 1, next: index + 1 };
  if (character === '*') return { min: 0, max: Number.POSITIVE_INFINITY, next: index + 1 };
  if (character === '+') return { min: 1, max: Number.POSITIVE_INFINITY, next: index + 1 };
  if (character !== '{') return { min: 1, max: 1, next: index };
  const match = /^\{(\d{1,3})(?:(,)\s*(\d{1,3})?)?\}/.exec(body.slice(index));
  if (match === null) return undefined;
  const min = Number(match[1]);
  const max = match[3] !== undefined ? Number(match[3]) : match[2] === undefined ? min : Number.POSITIVE_INFINITY;
  return max < min ? undefined : { min, max, next: index + match[0].length };
}

function equalTo(character: string): (code: number) => boolean {
  const wanted = character.charCodeAt(0);
  return (code) => code === wanted;
}

function countStates({ pieces }: Alternative): number {
  return pieces.reduce((sum, { min, max }) => sum + (max === Number.POSITIVE_INFINITY ? min + 1 : max), 1);
}

/** A state per character of the longest plain run: `loops` may stay, `skips` may be passed over without a character. */
function buildMachine({ pieces, fromStart, toEnd }: Alternative): (text: string) => boolean {
  const states: { readonly matches: (code: number) => boolean; readonly loops: boolean; readonly skips: boolean }[] = [];
  for (const { matches, min, max } of pieces) {
    const isEndless = max === Number.POSITIVE_INFINITY;
    for (let count = 0; count < min; count += 1) states.push({ matches, loops: false, skips: false });
    if (isEndless) states.push({ matches, loops: true, skips: true });
    else for (let count = min; count < max; count += 1) states.push({ matches, loops: false, skips: true });
  }
  const enter = (set: Uint8Array, from: number) => {
    for (let index = from; ; index += 1) {
      if (set[index] === 1) return;
      set[index] = 1;
      if (states[index]?.skips !== true) return;
    }
  };
  return (text) => {
    let present = new Uint8Array(states.length + 1);
    enter(present, 0);
    for (let at = 0; ; at += 1) {
      if (present[states.length] === 1 && (!toEnd || at === text.length)) return true;
      if (at === text.length) return false;
      const code = text.charCodeAt(at);
      const following = new Uint8Array(states.length + 1);
      let isAlive = false;
      for (const [index, state] of states.entries()) {
        if (present[index] !== 1 || !state.matches(code)) continue;
        enter(following, state.loops ? index : index + 1);
        isAlive = true;
      }
      if (!fromStart) enter(following, 0);
      else if (!isAlive) return false;
      present = following;
    }
  };
}
