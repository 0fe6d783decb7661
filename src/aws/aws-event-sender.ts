import type { Destination } from '../functions/destination.ts';
import { DeliveryRefused, type EventSender, type OutsideDestination } from '../invoke/events/event-sender.ts';
import { deadLetterAttributes, invocationRecord, type OutcomeMessage, recordObjectKey } from '../invoke/events/invocation-record.ts';
import type { AwsClients } from './aws-clients.ts';
import type { AwsService } from './aws-settings.ts';

type Queue = Destination & { readonly service: 'sqs' };
type Attributes = Readonly<Record<string, { readonly DataType: 'String' | 'Number'; readonly StringValue: string }>>;

const maxKnownQueues = 1_000;
/** Faults of the administrator's keys, or a call too many: they pass, or are mended. */
const passing = /Throttl|TooManyRequests|RequestLimit|SlowDown|Expired|TokenId|Signature|UnrecognizedClient|AccessDenied|AuthorizationError/i;

/** Records and dead letters to SQS, SNS, EventBridge and S3, through the SDK's clients. */
export class AwsEventSender implements EventSender {
  readonly #clients: AwsClients;
  readonly #queueUrls = new Map<string, string>();

  constructor(clients: AwsClients) {
    this.#clients = clients;
  }

  async sendRecord(destination: OutsideDestination, message: OutcomeMessage): Promise<void> {
    const record = invocationRecord(message);
    await refusing(async () => {
      switch (destination.service) {
        case 'sqs':
          return this.#sendToQueue(destination, { body: record, attributes: {}, traceHeader: message.content.traceHeader });
        case 'sns':
          return this.#publish(destination.arn, record, {});
        case 'events':
          return this.#putEvent(destination, record, message);
        case 's3':
          return this.#putObject(destination.bucket, recordObjectKey(message), record);
      }
    });
  }

  async sendDeadLetter(destination: OutsideDestination, message: OutcomeMessage): Promise<void> {
    const { RequestID, ErrorCode, ErrorMessage } = deadLetterAttributes(message);
    const attributes: Attributes = {
      RequestID: { DataType: 'String', StringValue: RequestID },
      ErrorCode: { DataType: 'Number', StringValue: ErrorCode },
      ErrorMessage: { DataType: 'String', StringValue: ErrorMessage },
    };
    const body = message.content.payload.toString('utf8');
    await refusing(async () => {
      if (destination.service === 'sqs') return this.#sendToQueue(destination, { body, attributes, traceHeader: message.content.traceHeader });
      if (destination.service === 'sns') return this.#publish(destination.arn, body, attributes);
      throw new DeliveryRefused('dead letters go to queues and topics only');
    });
  }

  async #sendToQueue(queue: Queue, message: { body: string; attributes: Attributes; traceHeader: string | undefined }): Promise<void> {
    const { SendMessageCommand } = await import('@aws-sdk/client-sqs');
    const client = await this.#client('sqs');
    const { body, attributes, traceHeader } = message;
    await client.send(
      new SendMessageCommand({
        QueueUrl: await this.#queueUrl(queue),
        MessageBody: body,
        MessageAttributes: attributes,
        ...(traceHeader === undefined
          ? {}
          : { MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String' as const, StringValue: traceHeader } } }),
      }),
    );
  }

  /** What serves SQS says under which URL it knows a queue. */
  async #queueUrl({ arn, accountId, queueName }: Queue): Promise<string> {
    const known = this.#queueUrls.get(arn);
    if (known !== undefined) return known;
    const { GetQueueUrlCommand } = await import('@aws-sdk/client-sqs');
    const client = await this.#client('sqs');
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: queueName, QueueOwnerAWSAccountId: accountId }));
    if (QueueUrl === undefined) throw new DeliveryRefused('the queue has no URL');
    if (this.#queueUrls.size >= maxKnownQueues) this.#queueUrls.clear();
    this.#queueUrls.set(arn, QueueUrl);
    return QueueUrl;
  }

  async #publish(topicArn: string, body: string, attributes: Attributes): Promise<void> {
    const { PublishCommand } = await import('@aws-sdk/client-sns');
    const client = await this.#client('sns');
    await client.send(new PublishCommand({ TopicArn: topicArn, Message: body, MessageAttributes: attributes }));
  }

  async #putEvent(bus: Destination & { service: 'events' }, record: string, { outcome, content }: OutcomeMessage): Promise<void> {
    const { PutEventsCommand } = await import('@aws-sdk/client-eventbridge');
    const client = await this.#client('events');
    const result = outcome.condition === 'Success' ? 'Success' : 'Failure';
    const { Entries = [] } = await client.send(
      new PutEventsCommand({
        Entries: [
          {
            EventBusName: bus.arn.slice(bus.arn.indexOf('/') + 1),
            // Lambda's page says `aws.lambda`; what EventBridge hands on, as recorded, says `lambda`.
            Source: 'lambda',
            DetailType: `Lambda Function Invocation Result - ${result}`,
            Detail: record,
            Resources: [bus.arn, outcome.functionArn],
            // An event's time has whole seconds.
            Time: new Date(Math.floor(outcome.endedAtMs / 1_000) * 1_000),
            ...(content.traceHeader === undefined ? {} : { TraceHeader: content.traceHeader }),
          },
        ],
      }),
    );
    const { ErrorCode: code, ErrorMessage: reason } = Entries[0] ?? {};
    if (code === undefined) return;
    if (code === 'InternalFailure' || passing.test(code)) throw new Error(`${code}: ${reason}`);
    throw new DeliveryRefused(`${code}: ${reason}`);
  }

  async #putObject(bucket: string, key: string, record: string): Promise<void> {
    const { PutObjectCommand } = await import('@aws-sdk/client-s3');
    const client = await this.#client('s3');
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: record, ContentType: 'application/json' }));
  }

  async #client<S extends AwsService>(service: S) {
    const client = await this.#clients.client(service);
    if (client === undefined) throw new DeliveryRefused(`no endpoint is configured for ${service} on this host`);
    return client;
  }
}

/** Tells what the other side will not take from what may pass. */
async function refusing(send: () => Promise<void>): Promise<void> {
  try {
    await send();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof DeliveryRefused) throw error;
    const { $metadata } = error as { readonly $metadata?: { readonly httpStatusCode?: number } };
    const status = $metadata?.httpStatusCode ?? 500;
    if (status < 400 || status >= 500 || status === 408 || status === 429 || passing.test(error.name)) throw error;
    throw new DeliveryRefused(`${error.name}: ${error.message}`, { cause: error });
  }
}
