import { expect, vi } from 'vitest';
import type { ActorProcess } from '../harness/actor-process.ts';
import type { ConformanceCase } from '../harness/conformance.ts';
import type { Stage } from '../harness/stage.ts';
import { docs, errorTypeHeader, expectAccepted, expectRefused, initErrorPath, nextPath, responsePath } from './answers.ts';

const initError = `${docs}, "Initialization error"`;
const lifecycle = 'AWS: Lambda execution environment lifecycle';
const maxBytes = 6_291_556;

/** INIT_REPORT lines of a process's environment: phase and what follows it. Lines may be written after the client's answer. */
async function initReports(stage: Stage, process: ActorProcess): Promise<string[]> {
  const lines = await stage.log(process);
  return lines.flatMap((line) => /^INIT_REPORT Init Duration: [\d.]+ ms\tPhase: (.*)\n$/.exec(line)?.[1] ?? []);
}

async function failInit(stage: Stage, body: string, headers: Record<string, string>): Promise<ActorProcess> {
  const runtime = await stage.process();
  const api = await runtime.connect();
  // Its process is ended at once, now and then before it has read the acknowledgement.
  const answer = await api.ask({ path: initErrorPath, body, headers }).catch(() => undefined);
  if (answer !== undefined) expectAccepted(answer);
  await runtime.ended();
  return runtime;
}

const exits: readonly (readonly [
  what: string,
  reason: string,
  end: (runtime: { exit(status: number): void; raise(signal: NodeJS.Signals): void }) => void,
])[] = [
  ['exits with status 0', 'Runtime exited without providing a reason', (runtime) => runtime.exit(0)],
  ['exits with status 1', 'Runtime exited with error: exit status 1', (runtime) => runtime.exit(1)],
  ['exits with status 127', 'Runtime exited with error: exit status 127', (runtime) => runtime.exit(127)],
  ['is killed', 'Runtime exited with error: signal: killed', (runtime) => runtime.raise('SIGKILL')],
  ['aborts', 'Runtime exited with error: signal: aborted', (runtime) => runtime.raise('SIGABRT')],
];

/** POST /runtime/init/error, and how runtimes begin and end. */
export const lifeCases: readonly ConformanceCase[] = [
  {
    rule: 'an init error is accepted with 202, and the init is run again with the invocation, which then succeeds',
    source: `${initError}; ${lifecycle}, "Init phase": a failed init is repeated at the time of the first invocation`,
    run: async (stage) => {
      const answer = stage.invoke({ n: 1 });
      const first = await failInit(stage, '{"errorType":"Own","errorMessage":"first"}', { [errorTypeHeader]: 'Runtime.First' });
      const second = await stage.process();
      expect(second.hello.generation).toBe(2);
      const api = await second.connect();
      const event = await api.ask(nextPath);
      expect(event.text).toBe('{"n":1}');
      expectAccepted(await api.ask({ path: responsePath(event.header('lambda-runtime-aws-request-id') ?? ''), body: '"well"' }));
      expect(await answer).toMatchObject({ text: '"well"', functionError: undefined });
      await vi.waitFor(async () => expect(await initReports(stage, first)).toEqual(['init\tStatus: error\tError Type: Runtime.First']));
    },
  },
  {
    rule: 'an init that fails twice is the answer to the invocation, in its own words',
    source: `${initError}; aws-lambda-rie rapidcore/server_test.go TestInvokeWithSuppressedInitErrorDueToInitError`,
    run: async (stage) => {
      const answer = stage.invoke({}, { LogType: 'Tail' });
      const first = await failInit(stage, '{"errorMessage":"one"}', { [errorTypeHeader]: 'Function.One' });
      await failInit(stage, '{"errorMessage" : "two"}', { [errorTypeHeader]: 'Function.Two' });
      const { text, functionError, log } = await answer;
      expect([text, functionError]).toEqual(['{"errorMessage" : "two"}', 'Unhandled']);
      expect(log).toMatch(/^REPORT .*\tStatus: error\tError Type: Function\.Two\t$/m);
      await expect
        .poll(() => initReports(stage, first))
        .toEqual(['init\tStatus: error\tError Type: Function.One', 'invoke\tStatus: error\tError Type: Function.Two']);
    },
  },
  ...[
    [undefined, 'Runtime.Unknown'],
    ['Function.Unconfigured', 'Function.Unconfigured'],
    ['Own.Type', 'Runtime.Unknown'],
    ['Function.lower', 'Function.Unknown'],
  ].map(
    ([given, told]): ConformanceCase => ({
      rule: `an init error of ${given === undefined ? 'no type' : `type ${given}`} is reported as ${told}`,
      source: 'aws-lambda-rie fatalerror/fatalerror.go GetValidRuntimeOrFunctionErrorType',
      run: async (stage) => {
        const answer = stage.invoke();
        const headers: Record<string, string> = given === undefined ? {} : { [errorTypeHeader]: given };
        const first = await failInit(stage, '{}', headers);
        await failInit(stage, '{}', headers);
        expect((await answer).functionError).toBe('Unhandled');
        await expect
          .poll(() => initReports(stage, first))
          .toEqual([`init\tStatus: error\tError Type: ${told}`, `invoke\tStatus: error\tError Type: ${told}`]);
      },
    }),
  ),
  {
    rule: 'an init error over the limit is refused with 413, and the runtime may still begin',
    source: 'aws-lambda-rie interop/model.go MaxPayloadSize',
    run: async (stage) => {
      const answer = stage.invoke();
      const api = await (await stage.process()).connect();
      api.write(`POST /2018-06-01/${initErrorPath} HTTP/1.1\r\nHost: x\r\nContent-Length: ${maxBytes + 1}\r\n\r\n`);
      api.write('x', maxBytes + 1);
      expectRefused(await api.answer(), 413, 'RequestEntityTooLarge');
      const event = await api.ask(nextPath);
      expectAccepted(await api.ask({ path: responsePath(event.header('lambda-runtime-aws-request-id') ?? ''), body: '1' }));
      expect((await answer).text).toBe('1');
    },
  },
  ...exits.map(
    ([what, reason, end]): ConformanceCase => ({
      rule: `a runtime that ${what} in its init is started again with the invocation`,
      source: `${lifecycle}, "Init phase"; aws-lambda-rie rapidcore/server_test.go TestInvokeWithSuppressedInitSuccess`,
      run: async (stage) => {
        const answer = stage.invoke();
        const first = await stage.process();
        end(first);
        end(await stage.process());
        const { value, functionError, requestId } = await answer;
        expect(functionError).toBe('Unhandled');
        expect(value).toEqual({ errorType: 'Runtime.ExitError', errorMessage: `RequestId: ${requestId} Error: ${reason}` });
        await expect
          .poll(() => initReports(stage, first))
          .toEqual(['init\tStatus: error\tError Type: Runtime.ExitError', 'invoke\tStatus: error\tError Type: Runtime.ExitError']);
      },
    }),
  ),
  ...exits.map(
    ([what, reason, end]): ConformanceCase => ({
      rule: `a runtime that ${what} while it works fails its invocation; the next one has a new process and the same /tmp`,
      source: `${lifecycle}, "Failures during the invoke phase"`,
      run: async (stage) => {
        const { runtime, answer, requestId } = await stage.begin({}, { LogType: 'Tail' });
        await runtime.writeFile('/tmp/kept', 'by the first');
        end(runtime);
        const { value, functionError, log } = await answer;
        expect([functionError, value]).toEqual([
          'Unhandled',
          { errorType: 'Runtime.ExitError', errorMessage: `RequestId: ${requestId} Error: ${reason}` },
        ]);
        expect(log).toMatch(/^REPORT .*\tStatus: error\tError Type: Runtime\.ExitError\t$/m);
        const again = await stage.begin();
        expect(again.runtime.hello.generation).toBe(2);
        expect(again.runtime.environmentId).toBe(runtime.environmentId);
        expect(await again.runtime.readFile('/tmp/kept')).toBe('by the first');
        expectRefused(await again.api.ask({ path: responsePath(requestId), body: '"late"' }), 400, 'InvalidRequestID');
        expectAccepted(await again.api.ask({ path: responsePath(again.requestId), body: '"new"' }));
        expect((await again.answer).text).toBe('"new"');
      },
    }),
  ),
  {
    rule: 'a runtime that exits after its response and before next: the answer stands, the next invocation has a new process',
    source: `${lifecycle}, "Invoke phase"`,
    run: async (stage) => {
      const { runtime, api, requestId, answer } = await stage.begin({ n: 1 });
      expectAccepted(await api.ask({ path: responsePath(requestId), body: '"given"' }));
      runtime.exit(3);
      expect(await answer).toMatchObject({ text: '"given"', functionError: undefined });
      // In this environment or in another.
      const again = await stage.begin({ n: 2 });
      expect([again.event.text, runtime.isGone]).toEqual(['{"n":2}', true]);
      expectAccepted(await again.api.ask({ path: responsePath(again.requestId), body: '1' }));
    },
  },
  {
    rule: 'a function that takes too long is timed out: its process ends, /tmp stays, and the late answer is nobody’s',
    source: `${lifecycle}, "Failures during the invoke phase"`,
    function: { timeoutSeconds: 3 },
    run: async (stage) => {
      const { runtime, answer, requestId } = await stage.begin({ n: 1 }, { LogType: 'Tail' });
      await runtime.writeFile('/tmp/kept', 'by the first');
      const { text, functionError, log } = await answer;
      expect(functionError).toBe('Unhandled');
      expect(text).toBe(`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ${requestId} Error: Task timed out after 3.00 seconds"}`);
      expect(log).toMatch(/^REPORT .*\tBilled Duration: 3000 ms\t.*\tStatus: timeout\t$/m);
      await runtime.ended();
      const again = await stage.begin({ n: 2 });
      expect([again.event.text, again.runtime.hello.generation]).toEqual(['{"n":2}', 2]);
      expect(again.runtime.environmentId).toBe(runtime.environmentId);
      expect(await again.runtime.readFile('/tmp/kept')).toBe('by the first');
      expectRefused(await again.api.ask({ path: responsePath(requestId), body: '"late"' }), 400, 'InvalidRequestID');
      expectAccepted(await again.api.ask({ path: responsePath(again.requestId), body: '1' }));
      expect((await again.answer).text).toBe('1');
    },
  },
  {
    rule: 'a runtime that has answered and never asks for more is timed out; the answer stands',
    source: `${lifecycle}, "Invoke phase"`,
    function: { timeoutSeconds: 3 },
    run: async (stage) => {
      const { runtime, api, requestId, answer } = await stage.begin({}, { LogType: 'Tail' });
      expectAccepted(await api.ask({ path: responsePath(requestId), body: '"given"' }));
      const { text, functionError, log } = await answer;
      expect([text, functionError]).toEqual(['"given"', undefined]);
      expect(log).toMatch(/^REPORT .*\tStatus: timeout\t$/m);
      await runtime.ended();
    },
  },
  {
    rule: 'an init that neither asks nor fails ends after ten seconds, and is run again with the invocation',
    source: `${lifecycle}, "Init phase": limited to 10 seconds`,
    run: async (stage) => {
      const answer = stage.invoke({ n: 1 });
      const first = await stage.process();
      await first.ended(15_000);
      const second = await stage.process();
      const api = await second.connect();
      const event = await api.ask(nextPath);
      expect(event.text).toBe('{"n":1}');
      expectAccepted(await api.ask({ path: responsePath(event.header('lambda-runtime-aws-request-id') ?? ''), body: '1' }));
      expect((await answer).text).toBe('1');
      await vi.waitFor(async () => expect(await initReports(stage, first)).toEqual(['init\tStatus: timeout']));
      const [, durationMs] = /^INIT_REPORT Init Duration: ([\d.]+) ms/m.exec((await stage.log(first)).join('')) ?? [];
      expect(Number(durationMs)).toBeGreaterThanOrEqual(10_000);
      expect(Number(durationMs)).toBeLessThan(12_000);
    },
  },
  {
    rule: 'the repeated init has the function’s own time-out',
    source: `${lifecycle}, "Init phase"; aws-lambda-rie rapidcore (suppressed init)`,
    function: { timeoutSeconds: 3 },
    run: async (stage) => {
      const answer = stage.invoke({});
      (await stage.process()).exit(1);
      const second = await stage.process();
      const { value, functionError, requestId } = await answer;
      expect(functionError).toBe('Unhandled');
      expect(value).toEqual({ errorType: 'Sandbox.Timedout', errorMessage: `RequestId: ${requestId} Error: Task timed out after 3.00 seconds` });
      await second.ended();
    },
  },
  {
    rule: 'processes that a runtime has started end with it',
    source: `${lifecycle}, "Failures during the invoke phase" (the environment is reset)`,
    run: async (stage) => {
      const { runtime } = await stage.begin();
      const before = stage.environments.pids(runtime.environmentId);
      runtime.exit(1);
      const again = await stage.begin();
      const after = stage.environments.pids(runtime.environmentId);
      // PID 1 alone is in both.
      expect(after.filter((pid) => before.includes(pid))).toHaveLength(1);
      expectAccepted(await again.api.ask({ path: responsePath(again.requestId), body: '1' }));
    },
  },
  {
    rule: 'a runtime begins in /var/task, as the function’s user, with the address of its API',
    source: 'AWS: Using the Lambda runtime API; AWS: Defined runtime environment variables',
    run: async (stage) => {
      const { runtime, api, requestId } = await stage.begin();
      expect(runtime.hello).toMatchObject({
        cwd: '/var/task',
        uid: 993,
        variables: { AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001', AWS_LAMBDA_FUNCTION_NAME: stage.functionName, _HANDLER: 'index.handler' },
      });
      expectAccepted(await api.ask({ path: responsePath(requestId), body: '1' }));
    },
  },
];
