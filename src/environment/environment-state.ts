import { CloisterError } from '../errors.ts';

/** Whose an environment is, from its claim to its end. */
export interface EnvironmentOwner {
  readonly accountId: string;
  readonly functionName: string;
  readonly version: string;
  readonly revisionId: string;
}

interface Claimed {
  readonly slotId: string;
  readonly environmentId: string;
  readonly owner: EnvironmentOwner;
}

export type EnvironmentState =
  | { readonly phase: 'opening' }
  | { readonly phase: 'opened'; readonly slotId: string }
  | { readonly phase: 'prepared'; readonly slotId: string; readonly environmentId: string }
  /** Bound to its owner, without a runtime process: just claimed, or after a reset. */
  | ({ readonly phase: 'claimed' } & Claimed)
  | ({ readonly phase: 'starting' } & Claimed)
  | ({ readonly phase: 'idle' } & Claimed)
  | ({ readonly phase: 'busy'; readonly requestId: string } & Claimed)
  | ({ readonly phase: 'resetting' } & Claimed)
  /** `id`: what the host agent must destroy, if anything was made. */
  | { readonly phase: 'stopping'; readonly id: string | undefined }
  | { readonly phase: 'stopped' };

export type EnvironmentPhase = EnvironmentState['phase'];

export type EnvironmentEvent =
  | { readonly type: 'slotOpened'; readonly slotId: string }
  | { readonly type: 'prepared'; readonly environmentId: string }
  | { readonly type: 'claimed'; readonly owner: EnvironmentOwner }
  | { readonly type: 'start' }
  | { readonly type: 'initialised' }
  | { readonly type: 'invoke'; readonly requestId: string }
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
  idle: { invoke: 'busy', reset: 'resetting', stop: 'stopping' },
  busy: { finished: 'idle', reset: 'resetting', stop: 'stopping' },
  resetting: { resetDone: 'claimed', stop: 'stopping' },
  stopping: { stopped: 'stopped' },
  stopped: {},
};

export function allows(state: EnvironmentState, type: EnvironmentEvent['type']): boolean {
  return transitions[state.phase][type] !== undefined;
}

/** The state after an event; throws for an event that the table does not have. */
export function transition(state: EnvironmentState, event: EnvironmentEvent): EnvironmentState {
  if (!allows(state, event.type)) throw refusal(state, event);
  switch (event.type) {
    case 'slotOpened':
      return { phase: 'opened', slotId: event.slotId };
    case 'prepared':
      if (state.phase !== 'opened') throw refusal(state, event);
      return { phase: 'prepared', slotId: state.slotId, environmentId: event.environmentId };
    case 'claimed':
      if (state.phase !== 'prepared') throw refusal(state, event);
      return { phase: 'claimed', slotId: state.slotId, environmentId: state.environmentId, owner: event.owner };
    case 'stop':
      return { phase: 'stopping', id: destroyable(state) };
    case 'stopped':
      return { phase: 'stopped' };
    default:
      return amongClaimed(state, event);
  }
}

function amongClaimed(state: EnvironmentState, event: EnvironmentEvent): EnvironmentState {
  if (!('owner' in state)) throw refusal(state, event);
  const claimed: Claimed = { slotId: state.slotId, environmentId: state.environmentId, owner: state.owner };
  if (event.type === 'invoke') return { phase: 'busy', requestId: event.requestId, ...claimed };
  const phase = transitions[state.phase][event.type];
  if (phase === 'starting' || phase === 'idle' || phase === 'resetting' || phase === 'claimed') return { phase, ...claimed };
  throw refusal(state, event);
}

function destroyable(state: EnvironmentState): string | undefined {
  if ('environmentId' in state) return state.environmentId;
  return 'slotId' in state ? state.slotId : undefined;
}

function refusal(state: EnvironmentState, event: EnvironmentEvent): CloisterError {
  return new CloisterError('Internal', `no transition by ${event.type} from ${state.phase}`, { operation: 'environment transition' });
}
