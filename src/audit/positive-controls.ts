import { readFileSync } from 'node:fs';
import { z } from 'zod';

const schema = z.strictObject({
  /** The kernel of the run that saw them. */
  kernel: z.string(),
  /** Attack → the mutations under which the same code was seen to get somewhere. */
  controls: z.record(z.string(), z.array(z.string()).min(1)),
});

/** With which wall taken away each attack was seen to succeed. An attack that nobody has seen succeed proves nothing when it fails. */
export type PositiveControls = z.infer<typeof schema>;

/** What the last mutation run saw (test/privileged/audit-mutations.test.ts writes it). */
export function readPositiveControls(): PositiveControls {
  return schema.parse(JSON.parse(readFileSync(new URL('../../src/audit/positive-controls.json', import.meta.url), 'utf8')));
}
