/** What the kernel says, read now, with the file it was read from. */
export interface Reading {
  readonly value: string | number | boolean | null | readonly string[] | Readonly<Record<string, string | number>>;
  readonly readFrom: string;
}

/** What the kernel says of one execution environment: one key per wall, then one per fact. */
export interface Evidence {
  readonly environmentId: string;
  readonly pids: readonly number[];
  readonly walls: Readonly<Record<string, Readonly<Record<string, Reading>>>>;
}
