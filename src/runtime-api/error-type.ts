const known = /^(Runtime|Function)\.[A-Z][a-zA-Z]+$/;

/** The error type a runtime names, when it is one that Lambda lets through; else the family's Unknown. */
export function validErrorType(header: string | undefined): string {
  if (header === undefined) return 'Runtime.Unknown';
  if (known.test(header)) return header;
  return header.startsWith('Function.') ? 'Function.Unknown' : 'Runtime.Unknown';
}
