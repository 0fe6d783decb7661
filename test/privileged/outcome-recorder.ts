import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A queue that is always there, as SQS's JSON protocol has it. It takes invocation records whose event has a number `n`. */
export interface OutcomeRecorder extends AsyncDisposable {
  readonly endpoint: string;
  /** By the event's number, what the function said of each of its runs. */
  readonly records: ReadonlyMap<number, readonly number[]>;
  readonly messages: number;
}

/** Listens on loopback. */
export async function startOutcomeRecorder(): Promise<OutcomeRecorder> {
  const records = new Map<number, number[]>();
  let messages = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const target = String(request.headers['x-amz-target']);
      const input = JSON.parse(Buffer.concat(chunks).toString()) as { QueueName?: string; MessageBody?: string };
      response.setHeader('content-type', 'application/x-amz-json-1.0');
      if (target === 'AmazonSQS.GetQueueUrl') {
        response.end(JSON.stringify({ QueueUrl: `http://${request.headers.host}/123456789012/${input.QueueName}` }));
        return;
      }
      const body = input.MessageBody ?? '';
      const { requestPayload, responsePayload } = JSON.parse(body) as { requestPayload: { n: number }; responsePayload: { ran: number } };
      records.set(requestPayload.n, [...(records.get(requestPayload.n) ?? []), responsePayload.ran]);
      messages += 1;
      response.end(JSON.stringify({ MessageId: String(messages), MD5OfMessageBody: createHash('md5').update(body).digest('hex') }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    records,
    get messages() {
      return messages;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
