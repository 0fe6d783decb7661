import type { FunctionVersion } from '../functions/function-version.ts';

interface Image {
  readonly accountId: string;
  readonly digest: string;
}

/** The images of versions that are being invoked. A version that was replaced meanwhile still needs its own until an environment has mounted them. */
export class InvokedImages {
  readonly #holders = new Map<string, number>();

  /** Holds the version's images until it is disposed of. */
  hold({ accountId, codeDigest, layers }: FunctionVersion): Disposable {
    const keys = [{ accountId, digest: codeDigest }, ...layers].map(keyOf);
    for (const key of keys) this.#holders.set(key, (this.#holders.get(key) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        for (const key of keys.splice(0)) {
          const left = (this.#holders.get(key) ?? 1) - 1;
          if (left === 0) this.#holders.delete(key);
          else this.#holders.set(key, left);
        }
      },
    };
  }

  has(image: Image): boolean {
    return this.#holders.has(keyOf(image));
  }
}

function keyOf({ accountId, digest }: Image): string {
  return `${accountId}-${digest}`;
}
