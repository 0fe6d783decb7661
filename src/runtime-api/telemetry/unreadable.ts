/** A subscription whose body has not the right shape; thrown and caught while it is read. */
export class Unreadable extends Error {}

/** In the words of the library that Lambda reads JSON with. */
export function unknownVariant(value: unknown, variants: readonly string[]): Unreadable {
  const quoted = variants.map((variant) => `\`${variant}\``);
  const expected = quoted.length === 2 ? quoted.join(' or ') : `one of ${quoted.join(', ')}`;
  return new Unreadable(
    typeof value === 'string' ? `unknown variant \`${value.slice(0, 64)}\`, expected ${expected}` : `invalid type, expected ${expected}`,
  );
}
