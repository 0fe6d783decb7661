export interface PatternToken {
  readonly kind: 'text' | 'quoted' | 'regex' | 'symbol';
  readonly text: string;
}

const symbols = ['&&', '||', '!=', '<=', '>=', '=', '<', '>', '(', ')', ',', '...'] as const;

/** The tokens of what stands between the outer brackets of a JSON or space-delimited pattern; undefined when a quote is not closed. */
export function tokenizePattern(pattern: string): PatternToken[] | undefined {
  const tokens: PatternToken[] = [];
  for (let index = 0; index < pattern.length; ) {
    const character = pattern[index] ?? '';
    if (/\s/.test(character)) {
      index += 1;
      continue;
    }
    if (character === '"' || character === '%') {
      const end = closing(pattern, index);
      if (end < 0) return undefined;
      const inner = pattern.slice(index + 1, end);
      tokens.push(character === '%' ? { kind: 'regex', text: inner } : { kind: 'quoted', text: inner.replace(/\\(["\\])/g, '$1') });
      index = end + 1;
      continue;
    }
    const symbol = symbols.find((each) => pattern.startsWith(each, index));
    if (symbol !== undefined) {
      tokens.push({ kind: 'symbol', text: symbol });
      index += symbol.length;
      continue;
    }
    const end = endOfText(pattern, index);
    tokens.push({ kind: 'text', text: pattern.slice(index, end) });
    index = end;
  }
  return tokens;
}

function closing(pattern: string, start: number): number {
  for (let index = start + 1; index < pattern.length; index += 1) {
    if (pattern[index] === '\\') index += 1;
    else if (pattern[index] === pattern[start]) return index;
  }
  return -1;
}

/** A text ends at a space or a symbol; what is in brackets with quotes, `$['a.b']`, belongs to it as it is. */
function endOfText(pattern: string, start: number): number {
  let end = start;
  while (end < pattern.length) {
    const bracket = /^\[(?:'[^']*'|"[^"]*")\]/.exec(pattern.slice(end));
    if (bracket !== null) end += bracket[0].length;
    else if (/[\s"%=<>!(),&|]/.test(pattern[end] ?? '')) break;
    else end += 1;
  }
  return Math.max(end, start + 1);
}

/** Reads tokens one after the other. */
export class TokenReader {
  readonly #tokens: readonly PatternToken[];
  #next = 0;

  constructor(tokens: readonly PatternToken[]) {
    this.#tokens = tokens;
  }

  get isAtEnd(): boolean {
    return this.#next >= this.#tokens.length;
  }

  peek(): PatternToken | undefined {
    return this.#tokens[this.#next];
  }

  take(): PatternToken | undefined {
    const token = this.#tokens[this.#next];
    this.#next += 1;
    return token;
  }

  /** Takes the next token when it is this symbol. */
  takeSymbol(text: string): boolean {
    const token = this.peek();
    if (token?.kind !== 'symbol' || token.text !== text) return false;
    this.#next += 1;
    return true;
  }

  /** Takes the next token when it is this word, in any case. */
  takeWord(word: string): boolean {
    const token = this.peek();
    if (token?.kind !== 'text' || token.text.toUpperCase() !== word) return false;
    this.#next += 1;
    return true;
  }
}
