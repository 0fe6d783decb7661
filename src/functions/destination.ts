import { parseFunctionReference } from './arn.ts';

/** Where a record of an asynchronous invocation can go. */
export type Destination =
  | { readonly service: 'sqs'; readonly arn: string; readonly region: string; readonly accountId: string; readonly queueName: string }
  | { readonly service: 'sns'; readonly arn: string; readonly region: string; readonly accountId: string }
  | { readonly service: 'events'; readonly arn: string; readonly region: string; readonly accountId: string }
  | { readonly service: 's3'; readonly arn: string; readonly bucket: string }
  | {
      readonly service: 'lambda';
      readonly arn: string;
      readonly region: string;
      readonly accountId: string;
      readonly functionName: string;
      readonly qualifier: string | undefined;
    };

const queue = /^arn:aws[a-zA-Z-]*:sqs:([a-z0-9-]+):(\d{12}):([a-zA-Z0-9_-]{1,80}(?:\.fifo)?)$/;
const topic = /^arn:aws[a-zA-Z-]*:sns:([a-z0-9-]+):(\d{12}):[a-zA-Z0-9_-]{1,256}(?:\.fifo)?$/;
const eventBus = /^arn:aws[a-zA-Z-]*:events:([a-z0-9-]+):(\d{12}):event-bus\/[/.\-_A-Za-z0-9]{1,256}$/;
const bucket = /^arn:aws[a-zA-Z-]*:s3:::([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])$/;

/** Reads the ARN of a queue, a topic, an event bus, a bucket or a function; undefined for everything else. */
export function parseDestination(arn: string): Destination | undefined {
  const [, queueRegion, accountId, queueName] = queue.exec(arn) ?? [];
  if (queueRegion !== undefined && accountId !== undefined && queueName !== undefined) {
    return { service: 'sqs', arn, region: queueRegion, accountId, queueName };
  }
  const [, topicRegion, topicOwner] = topic.exec(arn) ?? [];
  if (topicRegion !== undefined && topicOwner !== undefined) return { service: 'sns', arn, region: topicRegion, accountId: topicOwner };
  const [, busRegion, busOwner] = eventBus.exec(arn) ?? [];
  if (busRegion !== undefined && busOwner !== undefined) return { service: 'events', arn, region: busRegion, accountId: busOwner };
  const [, bucketName] = bucket.exec(arn) ?? [];
  if (bucketName !== undefined) return { service: 's3', arn, bucket: bucketName };
  return parseFunctionDestination(arn);
}

function parseFunctionDestination(arn: string): Destination | undefined {
  if (!arn.startsWith('arn:')) return undefined;
  const { region, accountId, functionName, qualifier } = parseFunctionReference(arn) ?? {};
  if (region === undefined || accountId === undefined || functionName === undefined) return undefined;
  return { service: 'lambda', arn, region, accountId, functionName, qualifier };
}
