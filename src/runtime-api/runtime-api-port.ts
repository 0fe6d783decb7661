import type { ExtensionDescription } from './extensions/extension.ts';
import type { ResponseStream } from './response-stream.ts';
import type { SurfaceLimit } from './surface-guard.ts';

/** One event as the runtime is given it. Members that are absent or empty have no header. */
export interface InvocationEvent {
  readonly requestId: string;
  readonly payload: Buffer;
  readonly invokedFunctionArn: string;
  /** Milliseconds since the epoch. */
  readonly deadlineMs: number;
  readonly traceId?: string;
  /** JSON text. */
  readonly clientContext?: string;
  /** Of functions with tenant isolation. */
  readonly tenantId?: string;
  /** Whoever invoked takes the response as it comes. @default buffered: a response is taken as a whole, however the runtime sends it */
  readonly responseMode?: 'streaming';
}

/** What a runtime says went wrong: `errorType` is already one of Lambda's, `payload` is what the client gets. */
export interface RuntimeFailure {
  readonly errorType: string;
  readonly payload: Buffer;
}

/** What an extension reported before it ends; `errorType` is its own text. */
export interface ExtensionFailure {
  readonly name: string;
  readonly phase: 'init' | 'exit';
  readonly errorType: string;
}

/** The environment as its Runtime API sees it. Calls come in an order that the protocol allows. */
export interface RuntimeApiPort {
  /** The runtime asks for an event for the first time, or again after it answered one. */
  ready(): void;
  initFailed(failure: RuntimeFailure): void;
  /** `contentType`: as the runtime named it. */
  responded(payload: Buffer, contentType: string | undefined): void;
  /** The response begins to come: only for an event whose `responseMode` is streaming. */
  responding(stream: ResponseStream): void;
  failed(failure: RuntimeFailure): void;
  /** The response was over the limit and has been thrown away. */
  respondedTooMuch(): void;
  extensionRegistered(extension: ExtensionDescription): void;
  /** One has registered or asks for its next event: the registry tells how they all stand. */
  extensionsChanged(): void;
  /** Once per extension. Lambda fails the environment when the extension's process ends, with `Extension.InitError` or `Extension.ExitError`. */
  extensionFailed(failure: ExtensionFailure): void;
  /** The environment went beyond what it may ask of the daemon: nothing of it is read any more, and it is to end. */
  exceeded(limit: SurfaceLimit): void;
}
