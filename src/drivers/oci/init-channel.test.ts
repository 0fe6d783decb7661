import { once } from 'node:events';
import { Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeSocketPair } from '../../linux/descriptor.ts';
import { InitChannel } from './init-channel.ts';

let channel: InitChannel;
let init: Socket;
let closed: Promise<void>;

beforeEach(() => {
  const pair = makeSocketPair('stream');
  channel = new InitChannel(pair.first);
  closed = new Promise((resolve) => {
    channel.onClose = resolve;
  });
  init = new Socket({ fd: pair.second, readable: true, writable: true });
  init.on('error', () => undefined);
});

afterEach(() => {
  channel.close();
  init.destroy();
});

const record = (...numbers: number[]) => Buffer.from(Uint32Array.from(numbers).buffer);
const list = () => channel.list({ uid: 993, gid: 990, directory: '/opt/extensions' });

it('takes names that come in pieces, and several replies at once', async () => {
  const listed = list();
  const reset = channel.reset();
  const names = Buffer.from('one\0two\0');
  init.write(Buffer.concat([record(5, 1, 0, names.length), names.subarray(0, 5)]));
  await once(init, 'data');
  init.write(Buffer.concat([names.subarray(5), record(4, 0, 0, 0)]));
  expect(await listed).toEqual(['one', 'two']);
  await reset;
});

it.each([
  [2, 'there is no such directory'],
  [20, 'it is a link or a file'],
])('takes errno %i for none: %s', async (errno) => {
  const listed = list();
  init.write(record(5, 1, errno, 0));
  expect(await listed).toEqual([]);
});

it('rejects when a directory could not be read', async () => {
  const listed = list();
  init.write(record(5, 1, 5, 0));
  await expect(listed).rejects.toMatchObject({ code: 'Internal' });
});

it.each([
  ['an unknown record', record(9, 0, 0, 0)],
  ['more names than there can be', record(5, 1, 0, 1_000_000)],
])('gives up a PID 1 that sends %s, and nothing else', async (_what, bytes) => {
  const listed = list();
  init.write(bytes);
  await expect(listed).rejects.toMatchObject({ code: 'EnvironmentGone' });
  await closed;
  expect(() => channel.signal(1, 15)).toThrow(expect.objectContaining({ code: 'EnvironmentGone' }));
});

it('keeps no more than so much for a PID 1 that reads nothing', async () => {
  init.pause();
  const start = {
    processId: 1,
    uid: 993,
    gid: 990,
    cwd: '/',
    candidates: ['/bin/true'],
    variables: { LONG: 'x'.repeat(100_000) },
    output: 'runtime',
  } as const;
  const outcomes = Array.from({ length: 30 }, (_, index) => channel.start({ ...start, processId: index + 1 }).catch((error: unknown) => error));
  await closed;
  for (const outcome of await Promise.all(outcomes)) expect(outcome).toMatchObject({ code: 'EnvironmentGone' });
});
