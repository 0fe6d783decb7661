import { CloisterError } from '../errors.ts';
import type { InvocationEvent } from './runtime-api-port.ts';

/** Where one runtime process stands in the protocol. `closed`: none is expected to speak (before a start, while it is being ended). */
export type SessionState =
  | { readonly phase: 'closed' }
  | { readonly phase: 'init' }
  | { readonly phase: 'initFailing' }
  | { readonly phase: 'initFailed' }
  | { readonly phase: 'waiting' }
  | { readonly phase: 'running'; readonly event: InvocationEvent }
  | { readonly phase: 'responding'; readonly event: InvocationEvent; readonly streamed: Promise<void> | undefined }
  | { readonly phase: 'responded'; readonly event: InvocationEvent };

type Phase = SessionState['phase'];
type Step = 'next' | 'deliver' | 'beginResponse' | 'abandonResponse' | 'endResponse' | 'beginInitError' | 'abandonInitError' | 'endInitError';

/** What is not listed is refused. `next` while an event runs gives the same event again. */
const steps: Readonly<Record<Phase, Partial<Readonly<Record<Step, Phase>>>>> = {
  closed: {},
  init: { next: 'waiting', beginInitError: 'initFailing' },
  initFailing: { abandonInitError: 'init', endInitError: 'initFailed' },
  initFailed: {},
  waiting: { next: 'waiting', deliver: 'running' },
  running: { next: 'running', beginResponse: 'responding' },
  responding: { abandonResponse: 'running', endResponse: 'responded' },
  responded: { next: 'waiting' },
};

type Waiter = (event: InvocationEvent) => void;

/** One connection holds at most one waiting `next`; pipelined ones beyond this are refused. */
const maxWaiters = 32;

/** The protocol state of an environment's runtime, one process after another. */
export class RuntimeSession {
  #state: SessionState = { phase: 'closed' };
  readonly #waiters = new Set<Waiter>();

  get phase(): Phase {
    return this.#state.phase;
  }

  /** The event that a response may answer now, or has. */
  get event(): InvocationEvent | undefined {
    return 'event' in this.#state ? this.#state.event : undefined;
  }

  get requestId(): string | undefined {
    return this.event?.requestId;
  }

  /** The end of a streamed response that is on its way. */
  get streamed(): Promise<void> | undefined {
    return this.#state.phase === 'responding' ? this.#state.streamed : undefined;
  }

  allows(step: Step): boolean {
    return steps[this.#state.phase][step] !== undefined;
  }

  /** No process is expected to speak until `open`: whatever a dying one still says is refused. */
  close(): void {
    this.#state = { phase: 'closed' };
    this.#waiters.clear();
  }

  open(): void {
    this.#waiters.clear();
    this.#state = { phase: 'init' };
  }

  beginInitError(): void {
    this.#check('beginInitError');
    this.#state = { phase: 'initFailing' };
  }

  /** The report's body never came, or was too much: the process may still come to ask for an event. */
  abandonInitError(): void {
    this.#check('abandonInitError');
    this.#state = { phase: 'init' };
  }

  endInitError(): void {
    this.#check('endInitError');
    this.#state = { phase: 'initFailed' };
  }

  /** Returns the event to hand out at once, or the way to stop waiting for one; undefined when too many wait. */
  next(waiter: Waiter): InvocationEvent | (() => void) | undefined {
    this.#check('next');
    if (this.#state.phase === 'running') return this.#state.event;
    if (this.#waiters.size >= maxWaiters) return undefined;
    this.#state = { phase: 'waiting' };
    this.#waiters.add(waiter);
    return () => this.#waiters.delete(waiter);
  }

  deliver(event: InvocationEvent): void {
    this.#check('deliver');
    this.#state = { phase: 'running', event };
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter(event);
  }

  /** `streamed`: settles when a streamed response has ended. */
  beginResponse(streamed?: Promise<void>): void {
    this.#check('beginResponse');
    if ('event' in this.#state) this.#state = { phase: 'responding', event: this.#state.event, streamed };
  }

  /** The response's body never came: the event still runs. */
  abandonResponse(): void {
    this.#moveWithEvent('abandonResponse', 'running');
  }

  endResponse(): void {
    this.#moveWithEvent('endResponse', 'responded');
  }

  #moveWithEvent(step: Step, phase: 'running' | 'responded'): void {
    this.#check(step);
    if ('event' in this.#state) this.#state = { phase, event: this.#state.event };
  }

  #check(step: Step): void {
    if (this.allows(step)) return;
    throw new CloisterError('Internal', `runtime session: ${step} is not possible when ${this.#state.phase}`, { operation: 'runtime session' });
  }
}
