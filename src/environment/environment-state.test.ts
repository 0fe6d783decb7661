import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allows, type EnvironmentEvent, type EnvironmentState, transition } from './environment-state.ts';

const owner = { accountId: '123456789012', functionName: 'f', version: '1', revisionId: 'r' };
const events: readonly EnvironmentEvent[] = [
  { type: 'slotOpened', slotId: 'slot-1' },
  { type: 'prepared', environmentId: 'env-1' },
  { type: 'claimed', owner },
  { type: 'start' },
  { type: 'initialised' },
  { type: 'invoke', requestId: 'request' },
  { type: 'finished' },
  { type: 'reset' },
  { type: 'resetDone' },
  { type: 'stop' },
  { type: 'stopped' },
];

describe('transition()', () => {
  it('leads through a whole life', () => {
    const order: EnvironmentEvent['type'][] = ['slotOpened', 'prepared', 'claimed', 'start', 'initialised', 'invoke', 'finished'];
    const life = [...order, 'invoke', 'reset', 'resetDone', 'start', 'initialised', 'stop', 'stopped'];
    const phases: string[] = [];
    let state: EnvironmentState = { phase: 'opening' };
    for (const type of life) {
      const event = events.find((candidate) => candidate.type === type);
      if (event !== undefined) state = transition(state, event);
      phases.push(state.phase);
    }
    expect(phases.join(' ')).toBe('opened prepared claimed starting idle busy idle busy resetting claimed starting idle stopping stopped');
  });

  it('throws for what the table does not have', () => {
    expect(() => transition({ phase: 'opening' }, { type: 'invoke', requestId: 'x' })).toThrow(expect.objectContaining({ code: 'Internal' }));
    expect(() => transition({ phase: 'stopped' }, { type: 'stop' })).toThrow(expect.objectContaining({ code: 'Internal' }));
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
