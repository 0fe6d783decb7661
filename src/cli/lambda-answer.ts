import { print, printJson, tableLines } from './output.ts';

/** An answer as Lambda gives it, without what the SDK adds. */
export function lambdaAnswer<T extends object>(answer: T & { readonly $metadata?: unknown }): Omit<T, '$metadata'> {
  const { $metadata: _, ...members } = answer;
  return members;
}

/** Writes an answer: as it is for scripts, for people a title and a row for each member. */
export function showAnswer(answer: object, { json, title }: { readonly json: boolean | undefined; readonly title: string }): void {
  const members = lambdaAnswer(answer);
  if (json === true) printJson(members);
  else print(title, ...factLines(members));
}

/** One aligned line for each value, those within others under `outer.inner`. */
export function factLines(values: object): string[] {
  return tableLines(flatten(values).map(([name, value]) => [`  ${name}`, value]));
}

function flatten(values: object, prefix = ''): (readonly [string, string])[] {
  return Object.entries(values).flatMap(([name, value]: [string, unknown]) => {
    if (value === undefined || value === null) return [];
    if (Array.isArray(value) && value.every((each) => typeof each !== 'object')) return [[prefix + name, value.join(', ')] as const];
    if (value instanceof Date) return [[prefix + name, value.toISOString()] as const];
    return typeof value === 'object' ? flatten(value, `${prefix}${name}.`) : [[prefix + name, String(value)] as const];
  });
}
