import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { supportedOperations } from '../../src/control-api/supported-operations.ts';
import { type CaseRig, loadCases, startCaseRig } from './case-rig.ts';
import type { ClientCase, ClientName, Step } from './client-case.ts';
import { clientNames } from './client-case.ts';
import { runCase } from './run-case.ts';

const families = await loadCases();
let rig: CaseRig;

beforeAll(async () => {
  rig = await startCaseRig();
}, 300_000);
afterAll(() => rig?.[Symbol.asyncDispose]());

describe.each([...families])('%s', (family, cases) => {
  for (const [index, each] of cases.entries()) {
    for (const client of clientNames.filter((name) => each.except?.[name] === undefined)) {
      it(`${each.operation}: ${each.rule} [${client}] (${each.source})`, () =>
        runCase(rig.clients[client], rig.scope(client, `${family}-${index + 1}`), each));
    }
  }
});

describe('the cases', () => {
  it.each([...supportedOperations.keys()])('show %s succeed and fail through every client', (operation) => {
    const shown = clientNames.flatMap((client) => outcomesOf(operation, client).map((outcome) => `${outcome} [${client}]`));
    const wanted = clientNames.flatMap((client) => (absentFrom[client].has(operation) ? [] : [`error [${client}]`, `success [${client}]`]));
    expect([...new Set(shown)].toSorted()).toEqual(wanted.toSorted());
  });

  it('have rules and sources of their own', () => {
    for (const [family, cases] of families) {
      const rules = cases.map(({ operation, rule }) => `${operation}: ${rule}`);
      expect(new Set(rules).size, family).toBe(rules.length);
      expect(
        cases.filter(({ source }) => source.trim() === ''),
        family,
      ).toEqual([]);
    }
  });
});

/** Operations that a client does not have. */
const absentFrom: Readonly<Record<ClientName, ReadonlySet<string>>> = {
  javascript: new Set(),
  boto3: new Set(),
  // The AWS CLI leaves out operations that answer a stream of events.
  cli: new Set(['InvokeWithResponseStream']),
};

function outcomesOf(operation: string, client: ClientName): readonly ('success' | 'error')[] {
  const cases = [...families.values()].flat().filter(({ except }) => except?.[client] === undefined);
  const steps = cases.flatMap(expectedSteps).filter((step) => step.operation === operation);
  return steps.map(({ expect: expected }) => (expected !== undefined && 'error' in expected ? 'error' : 'success'));
}

const expectedSteps = ({ before = [], after = [], ...subject }: ClientCase): readonly Step[] =>
  [...before, subject, ...after].filter((step) => step.expect !== undefined);
