import { randomUUID } from 'node:crypto';
import { type ExtensionEvent, type ExtensionEventType, encodeEvent } from './extension-event.ts';

/** External: a program in /opt/extensions, started before the runtime. Internal: a part of the runtime's process. */
export type ExtensionKind = 'external' | 'internal';

/** Lambda's names, as its log and its errors tell them. `Started`: an external one that has not registered yet. */
export type ExtensionState = 'Started' | 'Registered' | 'Ready' | 'Running' | 'InitError' | 'ExitError' | 'LaunchError';

/** What the log line EXTENSION and the platform event tell of an extension. */
export interface ExtensionDescription {
  readonly name: string;
  readonly kind: ExtensionKind;
  readonly state: ExtensionState;
  /** What it has subscribed to, without repetition. */
  readonly events: readonly ExtensionEventType[];
  readonly errorType?: string;
}

type Step = 'register' | 'next' | 'initError' | 'exitError' | 'launchError';

/** What is not listed is refused, as in Lambda; a failure may be reported again, and the first report counts. */
const steps: Readonly<Record<ExtensionState, Partial<Readonly<Record<Step, ExtensionState>>>>> = {
  Started: { register: 'Registered', launchError: 'LaunchError' },
  Registered: { next: 'Ready', initError: 'InitError', exitError: 'ExitError' },
  Ready: { exitError: 'ExitError' },
  Running: { next: 'Ready', exitError: 'ExitError' },
  InitError: { initError: 'InitError' },
  ExitError: { exitError: 'ExitError' },
  LaunchError: {},
};

/** Gets the event that its extension waits for. */
export type EventWaiter = (body: Buffer) => void;

/** One extension of one generation of processes: where it stands in the protocol, and the event that it waits for or has yet to get. */
export class Extension {
  readonly name: string;
  readonly kind: ExtensionKind;
  /** SECURITY: 122 random bits; whoever knows them may speak as this extension, until the processes of its generation have ended. */
  readonly identifier = randomUUID();
  #state: ExtensionState = 'Started';
  #events: readonly ExtensionEventType[] = [];
  #errorType: string | undefined;
  #waiter: EventWaiter | undefined;
  /** An event that came when nobody waited for it on an open connection. */
  #undelivered: Buffer | undefined;

  constructor(name: string, kind: ExtensionKind) {
    this.name = name;
    this.kind = kind;
  }

  get state(): ExtensionState {
    return this.#state;
  }

  describe(): ExtensionDescription {
    return {
      name: this.name,
      kind: this.kind,
      state: this.#state,
      events: this.#events,
      ...(this.#errorType === undefined ? {} : { errorType: this.#errorType }),
    };
  }

  subscribes(event: ExtensionEventType): boolean {
    return this.#events.includes(event);
  }

  /** Whether it may go on so; a poll whose connection has ended may be asked again. */
  allows(step: Step): boolean {
    if (step === 'next' && this.#state === 'Ready') return this.#waiter === undefined;
    return steps[this.#state][step] !== undefined;
  }

  register(events: readonly ExtensionEventType[]): void {
    this.#move('register');
    this.#events = [...new Set(events)];
  }

  /** Returns the event to hand out at once, or the way to stop waiting for one. Only where `allows('next')`. */
  next(waiter: EventWaiter): Buffer | (() => void) {
    const event = this.#undelivered;
    this.#undelivered = undefined;
    if (event !== undefined) {
      this.#state = 'Running';
      return event;
    }
    this.#state = 'Ready';
    this.#waiter = waiter;
    return () => {
      if (this.#waiter === waiter) this.#waiter = undefined;
    };
  }

  /** Hands the event out, or keeps it for the next time that the extension asks; a later event takes its place. */
  deliver(event: ExtensionEvent): void {
    if (this.#state !== 'Registered' && this.#state !== 'Ready' && this.#state !== 'Running') return;
    const body = encodeEvent(event);
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (this.#state === 'Ready') this.#state = 'Running';
    if (waiter === undefined) this.#undelivered = body;
    else waiter(body);
  }

  /** Only where `allows` says so. Of several reports the first one counts. */
  fail(step: 'initError' | 'exitError', errorType: string): void {
    this.#move(step);
    this.#errorType ??= errorType;
    this.#waiter = undefined;
  }

  failLaunch(errorType: string): void {
    this.#move('launchError');
    this.#errorType ??= errorType;
  }

  #move(step: Exclude<Step, 'next'>): void {
    const state = steps[this.#state][step];
    if (state !== undefined) this.#state = state;
  }
}
