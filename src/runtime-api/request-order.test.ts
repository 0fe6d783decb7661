import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, it } from 'vitest';
import { RequestOrder } from './request-order.ts';

const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

/** A server that answers when it is told to, and a connection to it. */
async function open() {
  const order = new RequestOrder();
  const handled = new Map<string, ServerResponse>();
  const arrived: string[] = [];
  const server = createServer((incoming, response) => {
    arrived.push(incoming.url ?? '');
    order.take(incoming, response, () => handled.set(incoming.url ?? '', response));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  return {
    handled,
    arrived,
    client,
    [Symbol.dispose]: () => {
      client.destroy();
      server.close();
      server.closeAllConnections();
    },
  };
}

it('RequestOrder takes a pipelined request when the one before it has been answered', async () => {
  using opened = await open();
  const { arrived, handled, client } = opened;
  client.write(request('/one') + request('/two') + request('/three'));
  await expect.poll(() => arrived).toEqual(['/one', '/two', '/three']);
  expect([...handled.keys()]).toEqual(['/one']);
  handled.get('/one')?.end('1');
  await expect.poll(() => [...handled.keys()]).toEqual(['/one', '/two']);
  handled.get('/two')?.end('2');
  await expect.poll(() => [...handled.keys()]).toEqual(['/one', '/two', '/three']);
});

it('RequestOrder takes a request at once when nothing is open before it', async () => {
  using opened = await open();
  const { arrived, handled, client } = opened;
  client.write(request('/one'));
  await expect.poll(() => arrived).toEqual(['/one']);
  handled.get('/one')?.end();
  await once(client, 'data');
  client.write(request('/two'));
  await expect.poll(() => arrived).toEqual(['/one', '/two']);
  expect([...handled.keys()]).toEqual(['/one', '/two']);
});

it('RequestOrder never takes what waited on a connection that ended', async () => {
  using opened = await open();
  const { arrived, handled, client } = opened;
  client.write(request('/one') + request('/two'));
  await expect.poll(() => arrived).toEqual(['/one', '/two']);
  const first = handled.get('/one');
  client.resetAndDestroy();
  if (first !== undefined) await once(first, 'close');
  await new Promise((resolve) => setImmediate(resolve));
  expect([...handled.keys()]).toEqual(['/one']);
});
