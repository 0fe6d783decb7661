/** What a test orders an actor to do. `id` names a connection, of the test's choosing. */
export type Order =
  | { readonly do: 'connect' | 'listen'; readonly id: number; readonly port: number }
  | { readonly do: 'write'; readonly id: number; readonly data: string; readonly times: number }
  | { readonly do: 'end' | 'destroy' | 'reset' | 'pause' | 'resume'; readonly id: number }
  | { readonly do: 'exit'; readonly status: number }
  | { readonly do: 'raise'; readonly signal: NodeJS.Signals }
  | { readonly do: 'onSignal'; readonly signal: NodeJS.Signals; readonly then: 'exit' | 'stay' }
  | { readonly do: 'print'; readonly tag: number; readonly descriptor: number; readonly text: string }
  | { readonly do: 'ask'; readonly tag: number; readonly what: Question; readonly path?: string; readonly text?: string; readonly id?: number };

export type Question = 'files' | 'read' | 'write' | 'now' | 'unsent';

export interface Hello {
  readonly role: string;
  readonly pid: number;
  /** 1 for the first process of this role in its environment. */
  readonly generation: number;
  readonly cwd: string;
  readonly uid: number;
  readonly variables: Readonly<Record<string, string>>;
}

/** What an actor reports. Times are its own, monotonic, in milliseconds. */
export type Report =
  | { readonly hello: Hello }
  | { readonly id: number; readonly atMs: number; readonly open: true }
  | { readonly id: number; readonly atMs: number; readonly accepted: number }
  | { readonly id: number; readonly atMs: number; readonly data: string }
  | { readonly id: number; readonly atMs: number; readonly ended: true }
  | { readonly id: number; readonly atMs: number; readonly closed: true; readonly error: string | null }
  | { readonly signal: string; readonly atMs: number }
  | { readonly tag: number; readonly value: unknown; readonly error?: string };
