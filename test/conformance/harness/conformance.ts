/**
 * A conformance suite: each case is one rule of AWS's documentation or of its emulator's tests, played against the real daemon by processes inside
 * real environments which speak raw HTTP.
 *
 *     const cases: readonly ConformanceCase[] = [
 *       {
 *         rule: 'next asked twice gives the same event',
 *         source: 'aws-lambda-rie rapi/router_test.go TestInvokeNextTwice',
 *         run: async (stage) => {
 *           const { api, event, requestId, answer } = await stage.begin({ n: 1 });       // invoked, and the runtime was given the event
 *           const again = await api.ask('runtime/invocation/next');                       // below /2018-06-01/; a leading slash names any path
 *           expect(again.headers).toEqual(event.headers);
 *           await api.ask({ path: `runtime/invocation/${requestId}/response`, body: '{}' });
 *           expect((await answer).text).toBe('{}');
 *         },
 *       },
 *     ];
 *     conformance('Runtime API', cases);
 *
 * Nothing speaks by itself: a case drives runtime and extensions from their first byte. Where `begin` is too much,
 *
 *     const answer = stage.invoke({});                   // a client's call, unanswered until somebody plays the function
 *     const extension = await stage.process('watcher');  // a case with function: { extensions: ['watcher'] }
 *     const runtime = await stage.process();             // `process` gives the next one that comes up: after a reset the new one
 *     const api = await runtime.connect();               // a TCP connection from inside to 127.0.0.1:9001
 *     api.write('GET / HTTP/1.1\r\n');                   // any bytes; end(), reset(), pause(), resume(), answer(), ended()
 *     const port = await runtime.listen(8080);           // (await port.accepted()) is a connection made to it from inside
 *     runtime.exit(3);
 *
 * Each case has a function of its own, with an environment that nothing has been said in; `reuse: true` takes one whose runtime waits in `next`, for
 * cases that leave it ready to do so again. Cases run side by side: never count what others could change. A frozen actor does nothing: what it is
 * ordered between invocations happens with the next one.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Stage } from './stage.ts';
import { type FunctionShape, StageStock } from './stage-stock.ts';

export interface ConformanceCase {
  /** The rule in words: the test's name. */
  readonly rule: string;
  /** The page of AWS's documentation, or the emulator's test, that has it. */
  readonly source: string;
  /** What the function has beyond the default. */
  readonly function?: FunctionShape;
  /** Begins with a runtime that waits in `next` and leaves it able to. @default false */
  readonly reuse?: boolean;
  readonly timeoutMs?: number;
  readonly run: (stage: Stage) => Promise<void>;
}

/** Runs the cases as one suite over one daemon. */
export function conformance(title: string, cases: readonly ConformanceCase[]): void {
  describe.concurrent(title, () => {
    let stock: StageStock;
    beforeAll(async () => {
      stock = await StageStock.open();
    });
    afterAll(() => stock?.[Symbol.asyncDispose]());

    it.for(cases)('$rule ($source)', { timeout: 60_000 }, async ({ function: shape = {}, reuse = false, run }) => {
      const place = await stock.take(shape, reuse);
      let succeeded = false;
      try {
        await run(place.stage);
        succeeded = true;
      } finally {
        stock.giveBack(place, reuse && succeeded);
      }
    });
  });
}
