import { printJson, printTable } from './output.ts';

interface Statement {
  readonly Sid?: string;
  readonly Effect?: string;
  readonly Principal?: unknown;
  readonly Action?: unknown;
  readonly Condition?: unknown;
}

/** Writes a resource policy: for scripts the document, for people a row for each statement. */
export function showPolicy(policy: string | undefined, { json, owner }: { readonly json: boolean | undefined; readonly owner: string }): void {
  const document = policy === undefined ? null : (JSON.parse(policy) as { readonly Statement?: readonly Statement[] });
  if (json === true) {
    printJson(document);
    return;
  }
  const rows = (document?.Statement ?? []).map((each) => [
    each.Sid ?? '',
    principalText(each.Principal),
    text(each.Action),
    each.Condition === undefined ? '' : text(each.Condition),
  ]);
  printTable(['ID', 'PRINCIPAL', 'ACTION', 'CONDITION'], rows, `${owner} grants nobody else anything`);
}

/** `{"AWS": "arn"}` and `{"Service": "name"}` are read by their value: which of the two it is shows. */
function principalText(principal: unknown): string {
  if (typeof principal !== 'object' || principal === null) return text(principal);
  return Object.values(principal).map(text).join(', ');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
