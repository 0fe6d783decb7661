/** Fills a key with bytes that its searcher can make again, one at a time, so that nothing but the target ever holds two of them in a row. */
export function fillFromSeed(target: Buffer, seed: number): void {
  let state = seed;
  for (let index = 0; index < target.length; index += 1) {
    // Marsaglia's xorshift.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    target[index] = state & 0xff;
  }
}
