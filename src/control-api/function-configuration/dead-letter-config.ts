import type { AwsClients } from '../../aws/aws-clients.ts';
import { invalidParameter } from '../api-error.ts';

/** Standard queues and topics: of FIFO ones Lambda takes none for dead letters. */
const targetPattern = /^arn:aws[a-zA-Z-]*:(?<service>sqs|sns):[a-z0-9-]+:(?<accountId>\d{12}):[A-Za-z0-9_-]{1,256}$/;

/** The ARN that a function's dead letters go to; an empty one takes it away, and without one the current stays. Throws when nothing could be sent there. */
export function applyDeadLetterConfig(
  { aws }: { readonly aws: AwsClients },
  { accountId, given, current }: { accountId: string; given: string | undefined; current: string | undefined },
): string | undefined {
  if (given === undefined) return current;
  if (given === '') return undefined;
  const groups = targetPattern.exec(given)?.groups;
  if (groups === undefined) {
    throw invalidParameter(`The provided dead letter target ${given} is invalid: it must be the ARN of a standard SQS queue or SNS topic.`);
  }
  // SECURITY: the keys for queues and topics are the host's, and open those of every account.
  if (groups['accountId'] !== accountId) {
    throw invalidParameter(`The provided dead letter target ${given} is invalid: it must belong to the function's own account.`);
  }
  const service = groups['service'] === 'sqs' ? 'sqs' : 'sns';
  if (aws.has(service)) return given;
  throw invalidParameter(
    `The provided dead letter target ${given} cannot be reached: no endpoint is configured for it on this host (aws.${service}.endpoint of its config.json).`,
  );
}
