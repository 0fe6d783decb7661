import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allAttacks } from '../../src/audit/all-attacks.ts';
import { compileAttacker } from '../../src/audit/attacker-program.ts';
import { type AuditedAttack, audit } from '../../src/audit/audit.ts';
import { readPositiveControls } from '../../src/audit/positive-controls.ts';
import { runtimesDirectory } from '../runtimes.ts';
import { bombsOf, mutations, tmpMutationNames } from '../support/mutations.ts';

const mutantAgent = fileURLToPath(new URL('mutant-agent.ts', import.meta.url));
const controlsFile = fileURLToPath(new URL('../../src/audit/positive-controls.json', import.meta.url));
const names = [...mutations.map(({ name }) => name), ...tmpMutationNames];
const isQuick = new Set(allAttacks.filter(({ isBomb }) => isBomb !== true).map(({ id }) => id));
/** With CLOISTER_WRITE_CONTROLS=1 what is seen is written down instead of compared. */
const writing = process.env['CLOISTER_WRITE_CONTROLS'] === '1';
const seen: Record<string, string[]> = {};
let attacker: Buffer;

/** Attacks a whole Cloister whose environments lack what the mutation takes away. */
async function attackMutant(name: string): Promise<readonly AuditedAttack[]> {
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', mutantAgent, name];
  const args = ['unshare', '--mount', '--propagation', 'private', '--', ...node];
  const { attacks } = await audit({
    program: { file: '/usr/bin/unshare', args },
    runtimesFrom: runtimesDirectory,
    controls: undefined,
    attacker,
    only: ({ id }) => isQuick.has(id) || bombsOf[name]?.includes(id) === true,
    quietInvocations: 0,
    progress: () => undefined,
  });
  return attacks;
}

/** How we know that the audit can fail: each wall is taken away in turn, and the lines that it stands behind must say so, no more and no fewer. */
describe('cloister audit on a Cloister without one of its walls', () => {
  const committed = readPositiveControls();

  beforeAll(async () => {
    attacker = await compileAttacker();
  });

  it.each(names)('sees what gets through without: %s', { timeout: 120_000 }, async (name) => {
    const attacks = await attackMutant(name);
    const reached = attacks.filter(({ blocked, stoppedBy }) => !blocked && stoppedBy === 'nothing').map(({ id }) => id);
    for (const id of reached) seen[id] = [...(seen[id] ?? []), name];
    if (writing) return;
    const expected = Object.entries(committed.controls).flatMap(([id, controls]) => (controls.includes(name) ? [id] : []));
    expect(reached.toSorted()).toEqual(expected.toSorted());
  });

  it('has seen every attack succeed that the audit counts', () => {
    expect(allAttacks.map(({ id }) => id)).toEqual(expect.arrayContaining(Object.keys(committed.controls)));
  });

  afterAll(() => {
    if (!writing) return;
    const controls = Object.fromEntries(allAttacks.flatMap(({ id }) => (seen[id] === undefined ? [] : [[id, seen[id]]])));
    writeFileSync(controlsFile, `${JSON.stringify({ kernel: release(), controls }, null, 2)}\n`);
  });
});
