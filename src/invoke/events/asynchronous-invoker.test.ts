import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventRig, rigAccount, settle } from '../../../test/support/event-rig.ts';
import { functionVersion } from '../../../test/support/function-version.ts';
import { CloisterError } from '../../errors.ts';
import type { InvokeResult } from '../invoker.ts';
import { DeliveryRefused } from './event-sender.ts';

const queue = (name: string) => `arn:aws:sqs:us-east-1:${rigAccount}:${name}`;
const fine: InvokeResult = { payload: Buffer.from('"fine"'), executedVersion: '$LATEST' };
const failing: InvokeResult = {
  payload: Buffer.from('{"errorMessage":"no","errorType":"Error"}'),
  executedVersion: '$LATEST',
  functionError: 'Unhandled',
};
const throttled = new CloisterError('NoCapacity', 'full', { operation: 'test' });
const minute = 60_000;

describe('an event', () => {
  it('is on disk before it is accepted, and gone when it has run and nobody waits for its record', async () => {
    await using rig = await EventRig.open();
    await rig.accept();
    expect(await rig.rows()).toBe(1);
    await rig.end(fine);
    expect([await rig.rows(), rig.invoker.waiting, rig.invoker.held]).toEqual([0, 0, 0]);
  });

  it('is tried again after one minute and after two more, under the same request id, and then its record tells so', async () => {
    await using rig = await EventRig.open();
    rig.config = { onFailure: queue('failed') };
    const requestId = await rig.accept();
    const begin = rig.clock.wallMs();
    await rig.end(failing);
    await rig.advance(minute - 1);
    expect(rig.running).toHaveLength(0);
    await rig.advance(1);
    await rig.end(failing);
    await rig.advance(2 * minute - 1);
    expect(rig.running).toHaveLength(0);
    await rig.advance(1);
    await rig.end(failing);
    expect(rig.started).toEqual([0, minute, 3 * minute].map((afterMs) => ({ requestId, atMs: begin + afterMs })));
    expect(rig.sent.map(({ body }) => JSON.parse(body))).toMatchObject([
      {
        version: '1.0',
        requestContext: {
          requestId,
          functionArn: `arn:aws:lambda:us-east-1:${rigAccount}:function:f:$LATEST`,
          condition: 'RetriesExhausted',
          approximateInvokeCount: 3,
        },
        requestPayload: { a: 1 },
        responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
        responsePayload: { errorMessage: 'no', errorType: 'Error' },
      },
    ]);
    expect(await rig.rows()).toBe(0);
  });

  it.each([0, 1, 2])('is tried again %i times when MaximumRetryAttempts says so', async (maximumRetryAttempts) => {
    await using rig = await EventRig.open();
    rig.config = { maximumRetryAttempts, onFailure: queue('failed') };
    await rig.accept();
    for (let attempt = 0; attempt <= maximumRetryAttempts; attempt += 1) {
      await rig.end(failing);
      await rig.advance(2 * minute);
    }
    expect(rig.started).toHaveLength(maximumRetryAttempts + 1);
    expect(JSON.parse(rig.sent[0]?.body ?? '')).toMatchObject({ requestContext: { approximateInvokeCount: maximumRetryAttempts + 1 } });
  });

  it('is over at once when its next attempt would come after its maximum age', async () => {
    await using rig = await EventRig.open();
    rig.config = { maximumEventAgeSeconds: 60, onFailure: queue('failed') };
    await rig.accept();
    await rig.advance(1);
    await rig.end(failing);
    expect(JSON.parse(rig.sent[0]?.body ?? '')).toMatchObject({ requestContext: { condition: 'EventAgeExceeded', approximateInvokeCount: 1 } });
  });

  it('waits longer each time it is throttled, up to its maximum age, and counts no attempt', async () => {
    await using rig = await EventRig.open();
    rig.config = { maximumEventAgeSeconds: 60, onFailure: queue('failed') };
    await rig.accept();
    const begin = rig.clock.wallMs();
    while (rig.sent.length === 0 && rig.clock.wallMs() - begin < 10 * minute) {
      if (rig.running.length > 0) await rig.end(throttled);
      else await rig.advance(500);
    }
    expect(rig.started.map(({ atMs }) => atMs - begin)).toEqual([0, 1_000, 3_000, 7_000, 15_000, 31_000]);
    expect(rig.clock.wallMs() - begin).toBe(minute);
    const record = JSON.parse(rig.sent[0]?.body ?? '');
    expect(record.requestContext).toMatchObject({ condition: 'EventAgeExceeded', approximateInvokeCount: 0 });
    expect(record).not.toHaveProperty('responseContext');
  });

  it('is not tried at all when the function has no concurrency', async () => {
    await using rig = await EventRig.open();
    rig.config = { onFailure: queue('failed') };
    rig.target = { hasNoConcurrency: true, deadLetterArn: queue('dead') };
    const requestId = await rig.accept();
    expect(rig.started).toEqual([]);
    expect(JSON.parse(rig.sent[0]?.body ?? '')).toMatchObject({
      requestContext: { condition: 'ZeroReservedConcurrency', approximateInvokeCount: 0 },
    });
    expect(rig.sent[1]).toMatchObject({ kind: 'deadLetter', body: '{"a":1}', attributes: { RequestID: requestId, ErrorCode: '429' } });
  });

  it('is forgotten with its function, whether it waits or runs', async () => {
    await using rig = await EventRig.open({ concurrentAttempts: 2 });
    rig.config = { onFailure: queue('failed') };
    await rig.accept();
    await rig.accept();
    expect(rig.running).toHaveLength(1);
    await rig.invoker.forget({ accountId: rigAccount, functionName: 'f' });
    await rig.end(failing);
    await rig.advance(10 * minute);
    expect([rig.started.length, rig.sent.length, await rig.rows(), rig.invoker.waiting]).toEqual([1, 0, 0, 0]);
  });

  it('goes to the dead letters when its version is gone', async () => {
    await using rig = await EventRig.open();
    rig.found = { kind: 'qualifierGone', deadLetterArn: queue('dead') };
    await rig.accept({ qualifier: '7' });
    expect(rig.sent[0]?.attributes).toMatchObject({ ErrorCode: '404', ErrorMessage: expect.stringContaining('function:f:7') });
  });

  it('is tried again when its environment was ended under it: that is no failure of the function', async () => {
    await using rig = await EventRig.open();
    rig.config = { maximumRetryAttempts: 0 };
    await rig.accept();
    await rig.end({ ...failing, interrupted: true });
    await rig.advance(1_000);
    await rig.end(fine);
    expect(await rig.rows()).toBe(0);
  });
});

describe('a record', () => {
  it('is sent again until it is taken, and survives the daemon', async () => {
    await using rig = await EventRig.open();
    rig.config = { onSuccess: queue('done') };
    rig.onSend = () => {
      throw new Error('connection refused');
    };
    await rig.accept();
    await rig.end(fine);
    expect([await rig.rows(), rig.sent.length]).toEqual([1, 0]);
    rig.kill();
    rig.onSend = () => {};
    await rig.start();
    await rig.advance(1_000);
    expect([await rig.rows(), rig.sent.length, rig.started.length]).toEqual([0, 1, 1]);
  });

  it('is given up when the other side refuses it five times, and the dead letter still goes', async () => {
    await using rig = await EventRig.open();
    rig.config = { maximumRetryAttempts: 0, onFailure: queue('none') };
    rig.target = { deadLetterArn: queue('dead') };
    let refusals = 0;
    rig.onSend = ({ kind }) => {
      if (kind === 'deadLetter') return;
      refusals += 1;
      throw new DeliveryRefused('there is no such queue');
    };
    await rig.accept();
    await rig.end(failing);
    for (let second = 0; second < 20; second += 1) await rig.advance(1_000);
    expect([refusals, rig.sent.length, await rig.rows()]).toEqual([5, 1, 0]);
    expect(rig.problems.join()).toContain('was given up');
  });

  it('for a function here is an event of that function, in place of the row it comes from', async () => {
    await using rig = await EventRig.open();
    rig.config = { onSuccess: `arn:aws:lambda:us-east-1:${rigAccount}:function:g` };
    const requestId = await rig.accept();
    rig.config = {};
    const first = rig.running[0];
    rig.config = { onSuccess: `arn:aws:lambda:us-east-1:${rigAccount}:function:g` };
    first?.end(fine);
    rig.running.shift();
    await settle();
    expect(rig.running[0]?.request.function.functionName).toBe('g');
    expect(JSON.parse(String(rig.running[0]?.request.payload))).toMatchObject({ requestContext: { requestId, condition: 'Success' } });
    expect(await rig.rows()).toBe(1);
  });

  it('goes round in a loop of functions sixteen times, and then to where failures go', async () => {
    await using rig = await EventRig.open();
    rig.config = { onSuccess: `arn:aws:lambda:us-east-1:${rigAccount}:function:f` };
    rig.target = { deadLetterArn: `arn:aws:sqs:us-east-1:${rigAccount}:letters` };
    await rig.accept();
    while (rig.running.length > 0) await rig.end(fine);
    expect(rig.started).toHaveLength(16);
    expect(rig.sent).toEqual([expect.objectContaining({ kind: 'deadLetter', attributes: expect.objectContaining({ ErrorCode: '400' }) })]);
    expect(await rig.rows()).toBe(0);
  });

  it('of two functions goes round sixteen times through each', async () => {
    await using rig = await EventRig.open();
    const turn = (name: string) => ({ onSuccess: `arn:aws:lambda:us-east-1:${rigAccount}:function:${name}` });
    rig.config = turn('g');
    await rig.accept();
    while (rig.running.length > 0) {
      rig.config = turn(rig.running[0]?.request.function.functionName === 'f' ? 'g' : 'f');
      await rig.end(fine);
    }
    expect(rig.started).toHaveLength(32);
  });

  it('is not told to a function that was stopped in its loop, again and again', async () => {
    await using rig = await EventRig.open();
    const itself = `arn:aws:lambda:us-east-1:${rigAccount}:function:f`;
    rig.config = { onSuccess: itself, onFailure: itself };
    await rig.accept();
    while (rig.running.length > 0) await rig.end(fine);
    for (let minute = 0; minute < 30; minute += 1) await rig.advance(60_000);
    expect(rig.started).toHaveLength(16);
    expect(await rig.rows()).toBe(0);
  });

  it('goes round as long as it will where the recursion configuration says Allow', async () => {
    await using rig = await EventRig.open();
    rig.config = { onSuccess: `arn:aws:lambda:us-east-1:${rigAccount}:function:f` };
    rig.target = { function: functionVersion({ accountId: rigAccount, functionName: 'f', recursiveLoop: 'Allow' }) };
    await rig.accept();
    for (let round = 0; round < 40; round += 1) await rig.end(fine);
    expect(rig.running).toHaveLength(1);
    expect(rig.running[0]?.request.traceHeader).toMatch(/;Lineage=[0-9a-f]{8}:41$/);
    rig.config = {};
    // What is under way goes to where it was to go when it began.
    await rig.end(fine);
    await rig.end(fine);
    expect(await rig.rows()).toBe(0);
  });

  it('goes on in the trace of the event that it tells of, and each attempt is in the same', async () => {
    await using rig = await EventRig.open();
    const root = '1-67a1b2c3-0123456789abcdef01234567';
    rig.config = { onSuccess: `arn:aws:lambda:us-east-1:${rigAccount}:function:g` };
    await rig.accept({ content: { payload: Buffer.from('1'), traceHeader: `Root=${root};Parent=0123456789abcdef;Sampled=1` } });
    const [first] = rig.running;
    expect(first?.request.traceHeader).toMatch(new RegExp(`^Root=${root};Parent=0123456789abcdef;Sampled=1;Lineage=[0-9a-f]{8}:1$`));
    await rig.end(failing);
    await rig.advance(60_000);
    expect(rig.running[0]?.request.traceHeader).toBe(first?.request.traceHeader);
    rig.config = { onSuccess: `arn:aws:lambda:us-east-1:${rigAccount}:function:g` };
    await rig.end(fine);
    expect(rig.running[0]?.request.traceHeader).toMatch(new RegExp(`^Root=${root};.*;Lineage=[0-9a-f]{8}:1[|][0-9a-f]{8}:1$`));
  });
});

describe('the queue', () => {
  it('refuses an account what is beyond its bound, and takes others', async () => {
    await using rig = await EventRig.open({ maxEventsPerAccount: 2 });
    await rig.accept();
    await rig.accept();
    await expect(rig.accept()).rejects.toMatchObject({ code: 'QueueFull' });
    await rig.accept({ accountId: '222222222222' });
    await rig.end(fine);
    await rig.accept();
  });

  it('counts what came at the same time', async () => {
    await using rig = await EventRig.open({ maxEventsPerAccount: 3 });
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => rig.accept()));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  });

  it('holds only a window of a backlog in memory, and misses none of it', async () => {
    await using rig = await EventRig.open();
    const accepted: string[] = [];
    for (let index = 0; index < 300; index += 1) accepted.push(await rig.accept());
    expect(rig.invoker.held).toBeLessThan(100);
    while (rig.running.length > 0) await rig.end(fine);
    expect(rig.started.map(({ requestId }) => requestId)).toEqual(accepted);
    expect(await rig.rows()).toBe(0);
  });

  it('gives a newcomer its turn beside a backlog whose events never end', async () => {
    await using rig = await EventRig.open();
    for (let index = 0; index < 50; index += 1) await rig.accept({ functionName: `hog-${index % 10}` });
    const busy = rig.running.length;
    expect(busy).toBeLessThan(8);
    await rig.accept({ accountId: '222222222222', functionName: 'small' });
    expect(rig.running.at(-1)?.request.function.functionName).toBe('small');
  });

  it('goes slower for a function that is throttled, not for others', async () => {
    await using rig = await EventRig.open();
    for (let index = 0; index < 20; index += 1) await rig.accept({ functionName: 'full' });
    while (rig.running.length > 0) await rig.end(throttled);
    // Two went at once; the lane waits now, and the other eighteen were not tried in vain.
    expect(rig.started.length).toBeLessThanOrEqual(3);
    await rig.accept({ functionName: 'free' });
    expect(rig.running).toHaveLength(1);
  });

  it('leaves what waits for the next start when it stops', async () => {
    await using rig = await EventRig.open();
    for (let index = 0; index < 5; index += 1) await rig.accept();
    rig.invoker.stop();
    await expect(rig.accept()).rejects.toMatchObject({ code: 'ShuttingDown' });
    const idle = rig.invoker.idle();
    while (rig.running.length > 0) await rig.end(fine);
    await idle;
    const left = await rig.rows();
    expect(left).toBeGreaterThan(0);
    rig.kill();
    await rig.start();
    while (rig.running.length > 0) await rig.end(fine);
    expect(await rig.rows()).toBe(0);
  });
});

describe('whatever happens in whatever order', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('accept' as const), lane: fc.integer({ min: 0, max: 3 }) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('end' as const), result: fc.constantFrom('fine', 'failing', 'throttled', 'stopped') }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(500, 10_000, minute, 2 * minute) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'kill' as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('send' as const), works: fc.boolean() }) },
  );

  it('every accepted event ends, once for its targets where nothing was killed, and never too early', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 50 }), async (steps) => {
        await using rig = await EventRig.open();
        const ends = { fine, failing, throttled, stopped: { ...failing, interrupted: true } } as const;
        let works = true;
        rig.onSend = () => {
          if (!works) throw new Error('no connection');
        };
        rig.config = { onSuccess: queue('done'), onFailure: queue('failed') };
        const accepted = new Set<string>();
        const failedAt = new Map<string, number[]>();
        let kills = 0;
        const end = async (name: keyof typeof ends) => {
          const attempt = rig.running[0];
          if (attempt === undefined) return;
          const { requestId } = attempt.request;
          if (name === 'failing') failedAt.set(requestId, [...(failedAt.get(requestId) ?? []), rig.clock.wallMs()]);
          await rig.end(ends[name]);
        };
        for (const one of steps) {
          if (one.kind === 'accept') {
            accepted.add(await rig.accept({ accountId: one.lane > 1 ? '222222222222' : rigAccount, functionName: `f${one.lane % 2}` }));
          } else if (one.kind === 'end') await end(one.result as keyof typeof ends);
          else if (one.kind === 'advance') await rig.advance(one.ms);
          else if (one.kind === 'send') works = one.works;
          else {
            rig.kill();
            kills += 1;
            await rig.start();
          }
          const runs = rig.running.map(({ request }) => request.requestId);
          expect(new Set(runs).size).toBe(runs.length);
        }
        works = true;
        for (let round = 0; round < 200 && (await rig.rows()) > 0; round += 1) {
          while (rig.running.length > 0) await end('fine');
          await rig.advance(minute);
        }
        expect([await rig.rows(), rig.invoker.waiting, rig.invoker.held]).toEqual([0, 0, 0]);
        const told = rig.sent.map(({ body }) => (JSON.parse(body) as { requestContext: { requestId: string } }).requestContext.requestId);
        expect(new Set(told)).toEqual(accepted);
        if (kills === 0) expect(told).toHaveLength(accepted.size);
        for (const [requestId, times] of failedAt) {
          const starts = rig.started.filter((start) => start.requestId === requestId).map(({ atMs }) => atMs);
          for (const time of times) {
            const next = starts.find((atMs) => atMs > time);
            if (next !== undefined && kills === 0) expect(next - time).toBeGreaterThanOrEqual(minute);
          }
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
