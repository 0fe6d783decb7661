import { closeSync, writeSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { openPipe } from '../../../test/support/kernel-objects.ts';
import type { JsonLogging } from '../../functions/json-logging.ts';
import { EnvironmentLog } from './environment-log.ts';
import type { PlatformEvent } from './platform-event.ts';

const undo: (() => void)[] = [];

afterEach(() => {
  for (const step of undo.splice(0).reverse()) step();
});

function logRig(json?: JsonLogging) {
  const [stdout, stderr, extensionOutput] = [openPipe(), openPipe(), openPipe()];
  const written: string[] = [];
  const told: { readonly type: string; readonly record: unknown }[] = [];
  const log = new EnvironmentLog({
    sink: { append: (_timeMs, message) => void written.push(message), congestion: () => undefined, close: () => {} },
    stdout: stdout.readEnd,
    stderr: stderr.readEnd,
    extensionOutput: extensionOutput.readEnd,
    clock: new FakeClock(),
    telemetry: {
      wants: () => true,
      event: ({ type, record }) => void told.push({ type, record }),
      line: (type, record) => void told.push({ type, record: JSON.parse(record) }),
    },
    ...(json === undefined ? {} : { json }),
  });
  undo.push(() => {
    log.close();
    closeSync(stdout.writeEnd);
    closeSync(stderr.writeEnd);
    closeSync(extensionOutput.writeEnd);
  });
  const write = async (text: string, pipe = stdout): Promise<void> => {
    // A pipe holds 64 KiB; what is read meanwhile makes room.
    for (let start = 0; start < text.length; start += 32_768) {
      writeSync(pipe.writeEnd, text.slice(start, start + 32_768));
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
    await log.drain();
  };
  return { log, written, told, write, extensionOutput };
}

const outcome = (status: 'success' | 'timeout'): PlatformEvent => ({
  type: 'platform.report',
  record: { requestId: '1', metrics: { durationMs: 1, billedDurationMs: 1, memorySizeMB: 128, maxMemoryUsedMB: 9 }, status },
});
const start: PlatformEvent = { type: 'platform.start', record: { requestId: '1', version: '7' } };
const done: PlatformEvent = { type: 'platform.runtimeDone', record: { requestId: '1', status: 'success' } };

describe('EnvironmentLog of a function with text', () => {
  it('writes what the platform tells as lines, and tells telemetry all of it', async () => {
    const { log, written, told, write } = logRig();
    log.event(start);
    await write('{"level":"debug"}\nplain\n');
    log.event(done);
    log.event(outcome('success'));
    log.platform('why\n');
    expect(written).toEqual([
      'START RequestId: 1 Version: 7\n',
      '{"level":"debug"}\n',
      'plain\n',
      'END RequestId: 1\n',
      'REPORT RequestId: 1\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 9 MB\t\n',
      'why\n',
    ]);
    expect(told.map(({ type }) => type)).toEqual(['platform.start', 'function', 'function', 'platform.runtimeDone', 'platform.report']);
    // A text function's lines are strings, whatever they look like.
    expect(told[1]?.record).toBe('{"level":"debug"}');
  });
});

describe('EnvironmentLog of a function with JSON', () => {
  it.each([
    ['DEBUG', ['platform.start', 'platform.runtimeDone', 'platform.report', 'platform.report']],
    ['INFO', ['platform.start', 'platform.report', 'platform.report']],
    ['WARN', ['platform.report']],
  ] as const)('writes what the platform tells as JSON, from %s on, and tells telemetry all of it', (systemLevel, types) => {
    const { log, written, told } = logRig({ systemLevel, applicationLevel: 'INFO' });
    for (const event of [start, done, outcome('success'), outcome('timeout')]) log.event(event);
    expect(written.every((line) => line.endsWith('\n'))).toBe(true);
    const lines = written.map((line) => JSON.parse(line));
    expect(lines.map(({ type }) => type)).toEqual(types);
    expect(lines.at(-1)).toMatchObject({ time: '2026-01-02T00:00:00.000Z', record: { status: 'timeout' } });
    expect(told).toHaveLength(4);
  });

  it.each([
    ['a level and a time', '{"level":"DEBUG","timestamp":"2026-01-01T00:00:00.000Z"}', false],
    ['a level in small letters', '{"level":"warn","time":"2026-01-01T00:00:00+01:00"}', true],
    ['the level itself', '{"level":"INFO","timestamp":"2026-01-01T00:00:00Z"}', true],
    ['a level without a time, which counts as INFO', '{"level":"DEBUG"}', true],
    ['a level with a time that is none', '{"level":"DEBUG","timestamp":"yesterday"}', true],
    ['no level, which counts as INFO', '{"message":1}', true],
    ['no level that is known', '{"level":"LOUD","timestamp":"2026-01-01T00:00:00Z"}', true],
    ['nothing that is JSON', '{"level":"DEBUG"', true],
    ['no object', '["DEBUG"]', true],
  ])('filters what the function writes by its level: %s', async (_name, line, isWritten) => {
    const { written, told, write } = logRig({ systemLevel: 'INFO', applicationLevel: 'INFO' });
    await write(`${line}\n`);
    expect(written).toEqual(isWritten ? [`${line}\n`] : []);
    expect(told).toHaveLength(1);
  });

  it('counts a line that names no level as INFO, and always writes plain text', async () => {
    const { written, write } = logRig({ systemLevel: 'INFO', applicationLevel: 'WARN' });
    await write('{"message":1}\n{"level":"ERROR","timestamp":"2026-01-01T00:00:00Z"}\nTraceback\n');
    expect(written).toEqual(['{"level":"ERROR","timestamp":"2026-01-01T00:00:00Z"}\n', 'Traceback\n']);
  });

  it('tells telemetry an object as an object, and text as text', async () => {
    const { told, write } = logRig({ systemLevel: 'INFO', applicationLevel: 'INFO' });
    await write('{"a":[1, 2]}\r\nplain "text"\n');
    expect(told.map(({ record }) => record)).toEqual([{ a: [1, 2] }, 'plain "text"']);
  });

  it('takes a line of more than 64 KiB for text', async () => {
    const { written, told, write } = logRig({ systemLevel: 'INFO', applicationLevel: 'FATAL' });
    const line = (bytes: number) => JSON.stringify({ level: 'DEBUG', timestamp: '2026-01-01T00:00:00Z', text: 'x'.repeat(bytes) });
    await write(`${line(30_000)}\n`);
    await write(`${line(60_000)}\n`);
    expect([written.length, typeof told.at(-1)?.record]).toEqual([0, 'object']);
    const long = line(64 * 1_024);
    await write(`${long}\n`);
    expect(written).toEqual([`${long}\n`]);
    expect(told.at(-1)?.record).toBe(long);
  });

  it('writes what extensions write as it is, whatever its level, and tells it apart', async () => {
    const { written, told, write, extensionOutput } = logRig({ systemLevel: 'WARN', applicationLevel: 'FATAL' });
    const line = '{"level":"TRACE","timestamp":"2026-01-01T00:00:00Z"}';
    await write(`${line}\n`, extensionOutput);
    expect(written).toEqual([`${line}\n`]);
    expect(told).toEqual([{ type: 'extension', record: line }]);
  });

  it('tells a failure as an object, so that every line can be read as JSON', () => {
    const { log, written } = logRig({ systemLevel: 'WARN', applicationLevel: 'FATAL' });
    log.platform('RequestId: 1 Error: Runtime exited\nRuntime.ExitError\n');
    expect(JSON.parse(written[0] ?? '')).toEqual({
      timestamp: '2026-01-02T00:00:00.000Z',
      level: 'ERROR',
      message: 'RequestId: 1 Error: Runtime exited\nRuntime.ExitError',
    });
  });

  it('keeps in the tail what is written, and only that', async () => {
    const { log, written, write } = logRig({ systemLevel: 'INFO', applicationLevel: 'INFO' });
    log.beginTail();
    log.event(start);
    await write('{"level":"TRACE","timestamp":"2026-01-01T00:00:00Z"}\nkept\n');
    expect(log.endTail().toString()).toBe(written.join(''));
    expect(written).toHaveLength(2);
  });
});
