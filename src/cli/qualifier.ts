/** The option of commands that take a version or an alias of a function. */
export interface QualifierOptions {
  readonly qualifier?: string;
}

/** The qualifier in Lambda's words, when the command line names one. */
export function qualifierOf({ qualifier }: QualifierOptions): { readonly Qualifier?: string } {
  return qualifier === undefined ? {} : { Qualifier: qualifier };
}

/** A function with the qualifier that was given beside it, for people to read: `hello:live`. */
export function qualified(name: string, { qualifier }: QualifierOptions): string {
  return qualifier === undefined ? name : `${name}:${qualifier}`;
}
