import type { BoundInput } from '../bind-input.ts';
import type { LogStorage } from './log-storage.ts';
import type { ReadingTurns } from './reading-turns.ts';

/** What the operations of CloudWatch Logs work with. */
export interface LogsServices {
  readonly storage: LogStorage;
  readonly turns: ReadingTurns;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

export interface LogsRequest {
  /** Fits the service model. */
  readonly input: BoundInput;
  /** The caller's: every name in the request is one of this account's. */
  readonly accountId: string;
}

/** Answers the members of the response; undefined where the operation has none. Throws LogsError. */
export type LogsOperation = (services: LogsServices, request: LogsRequest) => Promise<Readonly<Record<string, unknown>> | undefined>;
