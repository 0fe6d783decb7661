import { CloisterError } from '../errors.ts';
import type { EnvironmentOwner } from './environment-owner.ts';

interface Claimed {
  readonly slotId: string;
  readonly environmentId: string;
  readonly owner: EnvironmentOwner;
}

/** Nobody's yet: no customer's code, data or identity has been near it. */
export type UnclaimedState =
  | { readonly phase: 'opening' }
  | { readonly phase: 'opened'; readonly slotId: string }
  | { readonly phase: 'prepared'; readonly slotId: string; readonly environmentId: string };

/** Somebody's, for good. */
export type ClaimedState =
  /** Bound to its owner, without a process of it: just claimed, or after a reset. */
  | ({ readonly phase: 'claimed' } & Claimed)
  | ({ readonly phase: 'starting' } & Claimed)
  | ({ readonly phase: 'idle' } & Claimed)
  /** Idle, and no process of it runs. */
  | ({ readonly phase: 'frozen' } & Claimed)
  | ({ readonly phase: 'busy'; readonly requestId: string } & Claimed)
  | ({ readonly phase: 'resetting' } & Claimed);

export type EndingState =
  /** `id`: what the host agent must destroy, if anything was made. */
  { readonly phase: 'stopping'; readonly id: string | undefined } | { readonly phase: 'stopped' };

export type EnvironmentState = UnclaimedState | ClaimedState | EndingState;
export type EnvironmentPhase = EnvironmentState['phase'];

export type EnvironmentEvent =
  | { readonly type: 'slotOpened'; readonly slotId: string }
  | { readonly type: 'prepared'; readonly environmentId: string }
  | { readonly type: 'claimed'; readonly owner: EnvironmentOwner }
  | { readonly type: 'start' }
  | { readonly type: 'initialised' }
  | { readonly type: 'freeze' }
  /** `owner`: for whom the event is that is about to be handed over. */
  | { readonly type: 'invoke'; readonly requestId: string; readonly owner: EnvironmentOwner }
  | { readonly type: 'finished' }
  | { readonly type: 'reset' }
  | { readonly type: 'resetDone' }
  | { readonly type: 'stop' }
  | { readonly type: 'stopped' };

/** SECURITY: nothing leads from a claimed environment back to `opened` or `prepared`: an owner is for good. */
const transitions: Readonly<Record<EnvironmentPhase, Partial<Readonly<Record<EnvironmentEvent['type'], EnvironmentPhase>>>>> = {
  opening: { slotOpened: 'opened', stop: 'stopping' },
  opened: { prepared: 'prepared', stop: 'stopping' },
  prepared: { claimed: 'claimed', stop: 'stopping' },
  claimed: { start: 'starting', stop: 'stopping' },
  starting: { initialised: 'idle', reset: 'resetting', stop: 'stopping' },
  idle: { freeze: 'frozen', invoke: 'busy', reset: 'resetting', stop: 'stopping' },
  frozen: { invoke: 'busy', reset: 'resetting', stop: 'stopping' },
  busy: { finished: 'idle', reset: 'resetting', stop: 'stopping' },
  resetting: { resetDone: 'claimed', stop: 'stopping' },
  stopping: { stopped: 'stopped' },
  stopped: {},
};

export function allows(state: EnvironmentState, type: EnvironmentEvent['type']): boolean {
  return transitions[state.phase][type] !== undefined;
}

/**
 * The state after an event; throws for an event that the table does not have, and for an invocation of another owner.
 * SECURITY: the types say it too: what follows a claimed state is claimed, with the same owner, or ends.
 */
export function transition(state: ClaimedState, event: EnvironmentEvent): ClaimedState | EndingState;
export function transition(state: EndingState, event: EnvironmentEvent): EndingState;
export function transition(state: EnvironmentState, event: EnvironmentEvent): EnvironmentState;
export function transition(state: EnvironmentState, event: EnvironmentEvent): EnvironmentState {
  if (!allows(state, event.type)) throw refusal(state, event);
  if ('owner' in state) return afterClaimed(state, event);
  if (state.phase === 'stopping' || state.phase === 'stopped') return { phase: 'stopped' };
  return afterUnclaimed(state, event);
}

function afterUnclaimed(state: UnclaimedState, event: EnvironmentEvent): EnvironmentState {
  if (event.type === 'stop') return { phase: 'stopping', id: destroyable(state) };
  if (event.type === 'slotOpened') return { phase: 'opened', slotId: event.slotId };
  if (event.type === 'prepared' && state.phase === 'opened') return { phase: 'prepared', slotId: state.slotId, environmentId: event.environmentId };
  if (event.type === 'claimed' && state.phase === 'prepared')
    return { phase: 'claimed', slotId: state.slotId, environmentId: state.environmentId, owner: event.owner };
  throw refusal(state, event);
}

function afterClaimed(state: ClaimedState, event: EnvironmentEvent): ClaimedState | EndingState {
  if (event.type === 'stop') return { phase: 'stopping', id: state.environmentId };
  const { slotId, environmentId, owner } = state;
  const claimed: Claimed = { slotId, environmentId, owner };
  if (event.type === 'invoke') {
    if (!owner.is(event.owner))
      throw new CloisterError('Internal', 'the environment belongs to another owner', { operation: 'environment transition', path: environmentId });
    return { phase: 'busy', requestId: event.requestId, ...claimed };
  }
  const phase = transitions[state.phase][event.type];
  if (phase === 'starting' || phase === 'idle' || phase === 'frozen' || phase === 'resetting' || phase === 'claimed') return { phase, ...claimed };
  throw refusal(state, event);
}

function destroyable(state: UnclaimedState): string | undefined {
  if ('environmentId' in state) return state.environmentId;
  return 'slotId' in state ? state.slotId : undefined;
}

function refusal(state: EnvironmentState, event: EnvironmentEvent): CloisterError {
  return new CloisterError('Internal', `no transition by ${event.type} from ${state.phase}`, { operation: 'environment transition' });
}
