import type { EventPosition } from './log-storage.ts';
import { invalidToken } from './logs-error.ts';

/** A place and a direction to go on from it, as a client holds it between two calls. */
export interface EventToken {
  readonly direction: 'forward' | 'backward';
  readonly position: EventPosition;
}

/** Before the events of this millisecond: sequences begin at 1. */
export const startOf = (timestamp: number): EventPosition => ({ timestamp, sequence: 0 });
export const firstPlace = startOf(0);
export const lastPlace = startOf(Number.MAX_SAFE_INTEGER);

/** `f/TIME.SEQUENCE/s` or `b/…`, the form of AWS's own. */
export function writeEventToken({ direction, position }: EventToken): string {
  return `${direction === 'forward' ? 'f' : 'b'}/${position.timestamp}.${position.sequence}/s`;
}

/** Throws InvalidParameterException for what is no token. */
export function readEventToken(text: string): EventToken {
  const [, letter, timestamp, sequence] = /^([fb])\/(\d{1,16})\.(\d{1,16})\/s$/.exec(text) ?? [];
  if (letter === undefined) throw invalidToken();
  return { direction: letter === 'f' ? 'forward' : 'backward', position: { timestamp: Number(timestamp), sequence: Number(sequence) } };
}
