import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BuilderDirectory } from '../../../test/support/builder-directory.ts';
import { type CraftedEntry, craftedZip } from '../../../test/support/crafted-zip.ts';
import { BuildFault } from './build-fault.ts';
import { buildFaultReason } from './report.ts';
import { type Unpacked, unpackZip } from './unpack-zip.ts';

const maxUnpackedBytes = 100_000;
const good = craftedZip([
  { name: 'index.js', data: Buffer.from('exports.handler = async () => 1;\n'.repeat(20)), mode: 0o100644 },
  { name: 'zeros', data: Buffer.alloc(5_000), deflate: true },
  { name: 'lib/', mode: 0o040755 },
  { name: 'lib/link', data: Buffer.from('../index.js'), mode: 0o120777 },
  { name: 'lib/a/b/c', data: Buffer.from('c') },
]);

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync('/dev/shm/cloister-fuzz-');
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Unpacks in this process: an exception that escapes the promise fails the test run. */
const unpack = async (archive: Buffer): Promise<Unpacked | BuildFault> => {
  const here = mkdtempSync(join(scratch, 'run-'));
  writeFileSync(join(here, 'archive'), archive);
  mkdirSync(join(here, 'tree'), 0o700);
  const descriptor = openSync(join(here, 'archive'), 'r');
  try {
    return await unpackZip({ archive: descriptor, treePath: join(here, 'tree'), maxUnpackedBytes });
  } catch (error) {
    return BuildFault.of(error);
  } finally {
    closeSync(descriptor);
    expect(readdirSync(here).sort()).toEqual(['archive', 'tree']);
    rmSync(here, { recursive: true });
  }
};

const isOutcome = (outcome: Unpacked | BuildFault): boolean =>
  outcome instanceof BuildFault
    ? outcome.code !== 'BuilderFailed' && buildFaultReason.safeParse(outcome.reason).success
    : outcome.unpackedBytes <= maxUnpackedBytes;

const mutation = fc.record({ at: fc.nat({ max: good.length - 1 }), byte: fc.nat({ max: 255 }) });
const mutate = (mutations: readonly { at: number; byte: number }[], cut: number): Buffer => {
  const copy = Buffer.from(good);
  for (const { at, byte } of mutations) copy.writeUInt8(byte, at);
  return copy.subarray(0, copy.length - cut);
};

const component = fc.constantFrom('a', 'b', 'c', '..', '.', '', 'C:', 'x\\y', 'long'.repeat(70));
const hostileEntry: fc.Arbitrary<CraftedEntry> = fc.record({
  name: fc.array(component, { maxLength: 5 }).map((parts) => parts.join('/')),
  data: fc.constantFrom(Buffer.from('../..'), Buffer.from('..'), Buffer.alloc(70_000), Buffer.alloc(0)),
  mode: fc.constantFrom(0, 0o100644, 0o120777, 0o040755, 0o020666, 0o107777),
  deflate: fc.boolean(),
});

describe('unpackZip()', () => {
  it('is right about the archive that is mutated below', async () => {
    expect(await unpack(good)).toEqual({ unpackedBytes: 660 + 5_000 + 11 + 1, entries: 5 });
  });

  it('answers random bytes with a fault of the archive', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        expect((await unpack(Buffer.from(bytes))) instanceof BuildFault).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('answers every mutation of a good archive with its contents or a fault of the archive', async () => {
    const mutations = fc.array(mutation, { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(mutations, fc.constantFrom(0, 0, 0, 1, 30), async (changes, cut) => {
        expect(isOutcome(await unpack(mutate(changes, cut)))).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  }, 60_000);

  it('writes below its tree alone, whatever names, kinds and order entries have', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(hostileEntry, { minLength: 1, maxLength: 6 }), async (entries) => {
        expect(isOutcome(await unpack(craftedZip(entries)))).toBe(true);
      }),
      { numRuns: 1_000 },
    );
    expect(readdirSync(scratch)).toEqual([]);
  }, 60_000);

  it('has its program report on every mutation, too', async () => {
    using directory = new BuilderDirectory('/dev/shm');
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { maxLength: 3 }), async (changes) => {
        const { report, status, strays } = await directory.run(mutate(changes, 0), { maxUnpackedBytes });
        expect(status).toBe(report.ok ? 0 : 1);
        expect(report).not.toMatchObject({ code: 'BuilderFailed' });
        expect(strays).toEqual([]);
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});
