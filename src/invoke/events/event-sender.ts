import type { Destination } from '../../functions/destination.ts';
import type { OutcomeMessage } from './invocation-record.ts';

/** A destination outside: functions are told through the queue itself. */
export type OutsideDestination = Exclude<Destination, { service: 'lambda' }>;

/**
 * Sends to AWS's services, at the endpoints that the administrator configured. Rejects with `DeliveryRefused` when trying again is of little use, and
 * with anything else when it may help.
 */
export interface EventSender {
  sendRecord(destination: OutsideDestination, message: OutcomeMessage): Promise<void>;
  sendDeadLetter(destination: OutsideDestination, message: OutcomeMessage): Promise<void>;
}

/** The other side will not take it: there is no such queue, it is too long, access is denied. */
export class DeliveryRefused extends Error {
  override readonly name = 'DeliveryRefused';
}
