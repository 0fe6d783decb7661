import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { functionVersion } from '../../test/support/function-version.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import { EnvironmentOwner } from './environment-owner.ts';
import { allows, type ClaimedState, type EnvironmentEvent, type EnvironmentState, transition, type UnclaimedState } from './environment-state.ts';

const owner = EnvironmentOwner.of(functionVersion());
const events: readonly EnvironmentEvent[] = [
  { type: 'slotOpened', slotId: 'slot-1' },
  { type: 'prepared', environmentId: 'env-1' },
  { type: 'claimed', owner },
  { type: 'start' },
  { type: 'initialised' },
  { type: 'freeze' },
  { type: 'invoke', requestId: 'request', owner },
  { type: 'finished' },
  { type: 'reset' },
  { type: 'resetDone' },
  { type: 'stop' },
  { type: 'stopped' },
];

describe('transition()', () => {
  it('leads through a whole life', () => {
    const order: EnvironmentEvent['type'][] = ['slotOpened', 'prepared', 'claimed', 'start', 'initialised', 'invoke', 'finished'];
    const life = [...order, 'freeze', 'invoke', 'reset', 'resetDone', 'start', 'initialised', 'freeze', 'stop', 'stopped'];
    const phases: string[] = [];
    let state: EnvironmentState = { phase: 'opening' };
    for (const type of life) {
      const event = events.find((candidate) => candidate.type === type);
      if (event !== undefined) state = transition(state, event);
      phases.push(state.phase);
    }
    expect(phases.join(' ')).toBe(
      'opened prepared claimed starting idle busy idle frozen busy resetting claimed starting idle frozen stopping stopped',
    );
  });

  it('throws for what the table does not have', () => {
    expect(() => transition({ phase: 'opening' }, { type: 'invoke', requestId: 'x', owner })).toThrow(expect.objectContaining({ code: 'Internal' }));
    expect(() => transition({ phase: 'stopped' }, { type: 'stop' })).toThrow(expect.objectContaining({ code: 'Internal' }));
  });

  it.each<[string, Partial<FunctionVersion>]>([
    ['account', { accountId: '210987654321' }],
    ['function', { functionName: 'other' }],
    ['version', { version: '1' }],
    ['revision', { revisionId: 'revision-2' }],
  ])('hands no event of another %s to a claimed environment', (_what, other) => {
    const idle: EnvironmentState = { phase: 'idle', slotId: 'slot-1', environmentId: 'env-1', owner };
    const event = { type: 'invoke', requestId: 'request' } as const;
    expect(() => transition(idle, { ...event, owner: EnvironmentOwner.of(functionVersion(other)) })).toThrow(/another owner/);
    expect(transition(idle, { ...event, owner: EnvironmentOwner.of(functionVersion()) }).phase).toBe('busy');
  });

  it('hands no event of another tenant to a claimed environment', () => {
    const fn = functionVersion({ tenantIsolationMode: 'PER_TENANT' });
    const idle: EnvironmentState = { phase: 'idle', slotId: 'slot-1', environmentId: 'env-1', owner: EnvironmentOwner.of(fn, 'blue') };
    const event = { type: 'invoke', requestId: 'request' } as const;
    expect(() => transition(idle, { ...event, owner: EnvironmentOwner.of(fn, 'green') })).toThrow(/another owner/);
    expect(transition(idle, { ...event, owner: EnvironmentOwner.of(fn, 'blue') }).phase).toBe('busy');
  });

  it('is typed so that no owner can be made up and nothing claimed becomes unclaimed', () => {
    // @ts-expect-error an owner comes from EnvironmentOwner.of alone
    const forged: EnvironmentOwner = { function: functionVersion(), tenantId: undefined, key: owner.key, is: () => true };
    const idle: ClaimedState = { phase: 'idle', slotId: 'slot-1', environmentId: 'env-1', owner };
    // @ts-expect-error what follows a claimed state is claimed or ends
    const back: UnclaimedState = transition(idle, { type: 'stop' });
    expect(back.phase).toBe('stopping');
    expect(() => owner.is(forged)).toThrow(TypeError);
  });

  it('whatever happens, an owner stays to the end, and what was made is known when stopping', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events), { maxLength: 40 }), (sequence) => {
        let state: EnvironmentState = { phase: 'opening' };
        let wasClaimed = false;
        for (const event of sequence) {
          if (!allows(state, event.type)) continue;
          const before = state;
          state = transition(state, event);
          wasClaimed ||= 'owner' in state;
          if (wasClaimed) expect(['opening', 'opened', 'prepared']).not.toContain(state.phase);
          if ('owner' in before && 'owner' in state) expect(state.owner).toBe(before.owner);
          if (state.phase === 'stopping' && before.phase !== 'opening') expect(state.id).toBeDefined();
        }
      }),
    );
  });
});

describe('EnvironmentOwner.of()', () => {
  it('takes a tenant id for functions with tenant isolation, and for no others', () => {
    const isolated = functionVersion({ tenantIsolationMode: 'PER_TENANT' });
    expect(() => EnvironmentOwner.of(isolated)).toThrow(/tenant id/);
    expect(() => EnvironmentOwner.of(functionVersion(), 'blue')).toThrow(/tenant id/);
    expect(EnvironmentOwner.of(isolated, 'blue').tenantId).toBe('blue');
  });

  it('keeps apart what differs in any part, however the parts are written', () => {
    const part = fc.string({ unit: fc.constantFrom('a', '/', '"', ',', '\\'), minLength: 1, maxLength: 4 });
    const parts = fc.record({ functionName: part, version: part, revisionId: part, tenantId: part });
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const of = ({ tenantId, ...rest }: typeof one) =>
          EnvironmentOwner.of(functionVersion({ ...rest, tenantIsolationMode: 'PER_TENANT' }), tenantId);
        expect(of(one).is(of(other))).toBe(JSON.stringify(Object.values(one)) === JSON.stringify(Object.values(other)));
      }),
    );
  });
});
