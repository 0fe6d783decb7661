import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ListQueuesCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterEach, describe, expect, it } from 'vitest';
import { AwsClients } from './aws-clients.ts';
import type { AwsSettings } from './aws-settings.ts';

const started: (() => void)[] = [];
afterEach(() => {
  for (const stop of started.splice(0)) stop();
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<{ port: number; hosts: string[] }> {
  const hosts: string[] = [];
  const server = createServer((request, response) => {
    hosts.push(String(request.headers.host));
    request.resume().on('end', () => answer(request, response));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  started.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, hosts };
}

const settings = (endpoints: AwsSettings['endpoints'], more: Partial<AwsSettings> = {}): AwsSettings => ({
  region: 'eu-west-1',
  credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' },
  s3PathStyle: true,
  s3Buckets: {},
  endpoints,
  ...more,
});

describe('AwsClients', () => {
  it('has no client of a service without an endpoint', () => {
    const clients = new AwsClients(settings({ sqs: 'http://127.0.0.1:1' }));
    expect(clients.client('sns')).toBeUndefined();
    expect(clients.has('sqs')).toBe(true);
    expect(new AwsClients(undefined).client('sqs')).toBeUndefined();
  });

  it('signs with the settings’ keys and region, whatever the process’s variables say', async () => {
    const seen: string[] = [];
    const { port } = await serve((request, response) => {
      seen.push(String(request.headers.authorization));
      response.setHeader('content-type', 'application/x-amz-json-1.0').end('{}');
    });
    process.env['AWS_REGION'] = 'us-gov-west-1';
    try {
      const client = await new AwsClients(settings({ sqs: `http://127.0.0.1:${port}` })).client('sqs');
      await client?.send(new ListQueuesCommand({}));
      expect(seen[0]).toMatch(/Credential=AKIAEXAMPLE\/\d{8}\/eu-west-1\/sqs\/aws4_request/);
    } finally {
      delete process.env['AWS_REGION'];
    }
  });

  it('sends to the configured endpoint, not to the host of a queue’s URL', async () => {
    const { port, hosts } = await serve((_request, response) => response.setHeader('content-type', 'application/x-amz-json-1.0').end('{}'));
    const elsewhere = await serve((_request, response) => response.end('{}'));
    const client = await new AwsClients(settings({ sqs: `http://127.0.0.1:${port}` })).client('sqs');
    await client?.send(new SendMessageCommand({ QueueUrl: `http://127.0.0.1:${elsewhere.port}/1/queue`, MessageBody: 'x' })).catch(() => {});
    expect(elsewhere.hosts).toEqual([]);
    expect(hosts).toEqual([`127.0.0.1:${port}`]);
  });

  it('gives up on an answer that does not end', async () => {
    const { port } = await serve((_request, response) => {
      response.setHeader('content-type', 'application/x-amz-json-1.0');
      const more = () => {
        while (response.write('x'.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    });
    const client = await new AwsClients(settings({ sqs: `http://127.0.0.1:${port}` })).client('sqs');
    await expect(client?.send(new ListQueuesCommand({}))).rejects.toThrow('longer than 1048576 bytes');
  });

  it('lets the first account name any bucket and others those that are listed', () => {
    const clients = new AwsClients(settings({}, { s3Buckets: { '222222222222': ['code-*', 'shared'] } }), '111111111111');
    expect(clients.allowsBucket('111111111111', 'any')).toBe(true);
    expect(clients.allowsBucket('222222222222', 'code-eu')).toBe(true);
    expect(clients.allowsBucket('222222222222', 'shared')).toBe(true);
    expect(clients.allowsBucket('222222222222', 'shared-not')).toBe(false);
    expect(clients.allowsBucket('333333333333', 'shared')).toBe(false);
  });
});
