import type { RuntimeApiError } from '../answers.ts';
import { Extension, type ExtensionDescription, type ExtensionKind } from './extension.ts';
import { invalidExtensionState, nameTaken, registrationClosed, tooManyExtensions } from './extension-errors.ts';
import type { ExtensionEvent, ExtensionEventType, InvokeNotice, ShutdownNotice } from './extension-event.ts';

/** Lambda's limit, external and internal ones together. */
export const maxExtensions = 10;

/**
 * The extensions of one generation of processes. The environment says which external ones it starts, tells of invocations and of the end, and looks at
 * the getters whenever its port says that extensions changed.
 */
export class ExtensionRegistry {
  readonly #byName = new Map<string, Extension>();
  readonly #byIdentifier = new Map<string, Extension>();
  #isOpen = true;

  /** The file names of the programs in /opt/extensions that are going to be started: these, and only these, are external. */
  expect(names: readonly string[]): void {
    for (const name of names) this.#byName.set(name, new Extension(name, 'external'));
  }

  /** Of the registered ones: for them a shutdown takes its time. */
  get hasExternal(): boolean {
    return this.#registered().some(({ kind }) => kind === 'external');
  }

  get hasInternal(): boolean {
    return this.#registered().some(({ kind }) => kind === 'internal');
  }

  /** Every expected external one has registered: the runtime may be started. */
  get allRegistered(): boolean {
    return [...this.#byName.values()].every(({ identifier }) => this.#byIdentifier.has(identifier));
  }

  /** Every registered one has asked for its next event: an init and each invocation wait for it. One that reported a failure is never ready. */
  get allReady(): boolean {
    return this.#registered().every(({ state }) => state === 'Ready');
  }

  /** All that are expected or registered, in that order: what the log tells at the end of an init. */
  get descriptions(): readonly ExtensionDescription[] {
    return [...this.#byName.values()].map((extension) => extension.describe());
  }

  /** To those that subscribed; they are not ready until they ask again. */
  deliverInvoke(notice: InvokeNotice): void {
    this.#deliver({ type: 'INVOKE', notice });
  }

  /** To those that subscribed; one that is busy gets it when it asks. */
  deliverShutdown(notice: ShutdownNotice): void {
    this.#deliver({ type: 'SHUTDOWN', notice });
  }

  /** The program of an external one could not be started. Lambda tells `PermissionDenied`, `TooManyExtensions` or `UnknownError`. */
  launchFailed(name: string, errorType: string): void {
    this.#byName.get(name)?.failLaunch(errorType);
  }

  /** No further internal one registers: the runtime has asked for its first event. */
  closeRegistration(): void {
    this.#isOpen = false;
  }

  /** SECURITY: its processes are gone, and whatever one of them said in its last moment is refused. */
  retire(): void {
    this.#isOpen = false;
    this.#byName.clear();
    this.#byIdentifier.clear();
  }

  /** What a registration by this name is of. */
  kindOf(name: string): ExtensionKind {
    return this.#byName.get(name)?.kind ?? 'internal';
  }

  register(name: string, events: readonly ExtensionEventType[]): Extension | RuntimeApiError {
    const extension = this.kindOf(name) === 'external' ? this.#byName.get(name) : this.#admitInternal(name);
    if (!(extension instanceof Extension)) return extension ?? registrationClosed;
    if (!extension.allows('register')) return invalidExtensionState(extension, 'Registered', name);
    extension.register(events);
    this.#byName.set(name, extension);
    this.#byIdentifier.set(extension.identifier, extension);
    return extension;
  }

  find(identifier: string): Extension | undefined {
    return this.#byIdentifier.get(identifier);
  }

  #admitInternal(name: string): Extension | RuntimeApiError {
    if (!this.#isOpen) return registrationClosed;
    if (this.#byName.size >= maxExtensions) return tooManyExtensions(maxExtensions);
    if (this.#byName.has(name)) return nameTaken;
    return new Extension(name, 'internal');
  }

  #deliver(event: ExtensionEvent): void {
    for (const extension of this.#byIdentifier.values()) if (extension.subscribes(event.type)) extension.deliver(event);
  }

  #registered(): readonly Extension[] {
    return [...this.#byIdentifier.values()];
  }
}
