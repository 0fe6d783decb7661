import { describe, expect, it } from 'vitest';
import { functionVersion } from '../../../test/support/function-version.ts';
import { reportEvent, startEvent } from '../../invoke/invocation-events.ts';
import { initReportEvent, initRuntimeDoneEvent, initStartEvent } from '../init-events.ts';
import type { FailureCause } from '../invocation-failure.ts';
import { extensionOverheadSpan, runtimeDoneEvent } from '../runtime-done-event.ts';
import { type PlatformEvent, traceContext } from './platform-event.ts';
import { platformJson } from './platform-json.ts';
import { platformText } from './platform-text.ts';

const requestId = '79b5e81f-9cdd-4145-b1f6-7c50ef8a2a36';
const sampled = 'Root=1-677faf89-09a6b95269c6e56c4d1ab356;Parent=0efbd19962d95b05;Sampled=1';
const noonMs = Date.UTC(2026, 10, 25, 12);

const facts = {
  function: functionVersion({ functionName: 'notifier', memorySizeMiB: 256, timeoutSeconds: 3 }),
  runtime: { digest: 'a'.repeat(64), versionLabel: 'nodejs:24.v1' },
  region: 'eu-central-1',
  logStream: '2026/11/25/[$LATEST]0123456789abcdef0123456789abcdef',
  initializationType: 'on-demand',
} as const;
const request = { requestId, function: facts.function, invokedFunctionArn: 'arn:aws:lambda:eu-central-1:123456789012:function:notifier' };
const exited: FailureCause = { kind: 'exit', status: 1, signal: null, outOfMemory: false };

const parsed = (event: PlatformEvent, schema?: '2022-07-01' | '2022-12-13') => JSON.parse(platformJson(event, noonMs, schema));

describe('platformText()', () => {
  it('writes the first init as INIT_START, and one that is run again not', () => {
    const arn = `arn:aws:lambda:eu-central-1::runtime:${'a'.repeat(64)}`;
    expect(platformText(initStartEvent(facts, 'init'))).toEqual([`INIT_START Runtime Version: nodejs:24.v1\tRuntime Version ARN: ${arn}\n`]);
    expect(platformText(initStartEvent(facts, 'invoke'))).toEqual([]);
  });

  it.each<[string, FailureCause | undefined, readonly string[]]>([
    ['nothing of an init that went well', undefined, []],
    ['a time-out', { kind: 'initTimeout' }, ['INIT_REPORT Init Duration: 12.35 ms\tPhase: init\tStatus: timeout\n']],
    ['an exit', exited, ['INIT_REPORT Init Duration: 12.35 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError\n']],
  ])('writes INIT_REPORT: %s', (_name, cause, lines) => {
    expect(platformText(initReportEvent(facts, { phase: 'init', durationMs: 12.3456, cause }))).toEqual(lines);
  });

  it('writes END and REPORT, billing whole milliseconds of the duration that stands there', () => {
    const text = (durationMs: number) => platformText(reportEvent(request, { durationMs, maxMemoryUsedMiB: 300, initDurationMs: 99 }))[1];
    expect(platformText(startEvent(request))).toEqual([`START RequestId: ${requestId} Version: $LATEST\n`]);
    expect(platformText(reportEvent(request, { durationMs: 1.2345, maxMemoryUsedMiB: 30 }))).toEqual([
      `END RequestId: ${requestId}\n`,
      `REPORT RequestId: ${requestId}\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 256 MB\tMax Memory Used: 30 MB\t\n`,
    ]);
    expect(text(2.001)).toContain(
      '\tDuration: 2.00 ms\tBilled Duration: 2 ms\tMemory Size: 256 MB\tMax Memory Used: 256 MB\tInit Duration: 99.00 ms\t\n',
    );
    expect(text(0)).toContain('\tDuration: 0.00 ms\tBilled Duration: 1 ms\t');
    expect(text(3_010)).toContain('\tDuration: 3010.00 ms\tBilled Duration: 3000 ms\t');
  });

  it.each<[FailureCause, string]>([
    [{ kind: 'timeout' }, '\tStatus: timeout\t\n'],
    [exited, '\tStatus: error\tError Type: Runtime.ExitError\t\n'],
    [{ kind: 'stopped' }, '\tStatus: error\tError Type: Sandbox.Failure\t\n'],
    [{ kind: 'functionError', errorType: 'TypeError', payload: Buffer.alloc(0) }, '\tMax Memory Used: 30 MB\t\n'],
  ])('ends REPORT with how the invocation failed: %o', (failure, end) => {
    expect(platformText(reportEvent(request, { durationMs: 1, maxMemoryUsedMiB: 30, failure }))[1]?.endsWith(end)).toBe(true);
  });

  it('adds the trace to the REPORT of a sampled one', () => {
    const [, report] = platformText(reportEvent({ ...request, traceHeader: sampled }, { durationMs: 1, maxMemoryUsedMiB: 30 }));
    expect(report?.split('\n')[1]).toBe('XRAY TraceId: 1-677faf89-09a6b95269c6e56c4d1ab356\tSegmentId: b1f67c50ef8a2a36\tSampled: true\t');
    expect(traceContext(sampled.replace('Sampled=1', 'Sampled=0'), requestId)).toBeUndefined();
  });

  it('writes extensions and their subscriptions', () => {
    expect(platformText({ type: 'platform.extension', record: { name: 'lens', state: 'Ready', events: ['INVOKE', 'SHUTDOWN'] } })).toEqual([
      'EXTENSION\tName: lens\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\n',
    ]);
    const failed = { name: 'lens', state: 'LaunchError', events: [], errorType: 'PermissionDenied' };
    expect(platformText({ type: 'platform.extension', record: failed })).toEqual([
      'EXTENSION\tName: lens\tState: LaunchError\tEvents: []\tError Type: PermissionDenied\n',
    ]);
    const record = { name: 'lens', state: 'Subscribed', types: ['platform', 'function'] } as const;
    expect(platformText({ type: 'platform.telemetrySubscription', record })).toEqual([
      'TELEMETRY\tName: lens\tState: Subscribed\tTypes: [Platform, Function]\n',
    ]);
  });
});

describe('platformJson()', () => {
  it('writes a record as Lambda does, with its members in the same order', () => {
    expect(platformJson(initStartEvent(facts, 'init'), noonMs)).toBe(
      `{"time":"2026-11-25T12:00:00.000Z","type":"platform.initStart","record":{"initializationType":"on-demand","phase":"init","runtimeVersion":"nodejs:24.v1","runtimeVersionArn":"arn:aws:lambda:eu-central-1::runtime:${'a'.repeat(64)}","functionName":"notifier","functionVersion":"$LATEST","instanceId":"${facts.logStream}","instanceMaxMemory":268435456}}`,
    );
    expect(platformJson(reportEvent(request, { durationMs: 1072.145, maxMemoryUsedMiB: 125 }), noonMs)).toBe(
      `{"time":"2026-11-25T12:00:00.000Z","type":"platform.report","record":{"requestId":"${requestId}","metrics":{"durationMs":1072.14,"billedDurationMs":1073,"memorySizeMB":256,"maxMemoryUsedMB":125},"status":"success"}}`,
    );
  });

  it('leaves out what an older schema has not', () => {
    const start = startEvent({ ...request, tenantId: 'blue' });
    expect(parsed(start).record).toEqual({ requestId, functionArn: request.invokedFunctionArn, version: '$LATEST', tenantId: 'blue' });
    expect(parsed(start, '2022-12-13').record).toEqual({ requestId, version: '$LATEST' });
    expect(Object.keys(parsed(initStartEvent(facts, 'init'), '2022-07-01').record)).toEqual([
      'initializationType',
      'phase',
      'runtimeVersion',
      'runtimeVersionArn',
    ]);
    const report = initReportEvent(facts, { phase: 'init', durationMs: 1, cause: exited });
    expect(parsed(report, '2022-12-13').record).toMatchObject({ status: 'error', errorType: 'Runtime.ExitError' });
    expect(parsed(report, '2022-07-01').record).toEqual({ initializationType: 'on-demand', phase: 'init', metrics: { durationMs: 1 } });
    expect(parsed(initRuntimeDoneEvent(facts, 'invoke', exited), '2022-07-01').record).toEqual({
      initializationType: 'on-demand',
      phase: 'invoke',
      status: 'error',
      errorType: 'Runtime.ExitError',
    });
  });
});

describe('runtimeDoneEvent()', () => {
  it('tells when the response began and how long it took', () => {
    const response = { beganMs: 80, endedMs: 90.5, producedBytes: 16 };
    const event = runtimeDoneEvent({ event: { requestId, traceId: sampled }, startedWallMs: noonMs, durationMs: 140, cause: undefined, response });
    expect(event.record).toEqual({
      requestId,
      status: 'success',
      metrics: { durationMs: 140, producedBytes: 16 },
      spans: [
        { name: 'responseLatency', start: '2026-11-25T12:00:00.000Z', durationMs: 80 },
        { name: 'responseDuration', start: '2026-11-25T12:00:00.080Z', durationMs: 10.5 },
      ],
      tracing: { spanId: 'b1f67c50ef8a2a36', type: 'X-Amzn-Trace-Id', value: sampled },
    });
  });

  it.each<[FailureCause, object]>([
    [{ kind: 'timeout' }, { status: 'timeout' }],
    [exited, { status: 'error', errorType: 'Runtime.ExitError' }],
    [{ kind: 'stopped' }, { status: 'failure', errorType: 'Sandbox.Failure' }],
  ])('tells of a runtime that did not answer: %o', (cause, status) => {
    const event = runtimeDoneEvent({ event: { requestId }, startedWallMs: noonMs, durationMs: 5, cause });
    expect(event.record).toEqual({ requestId, ...status, metrics: { durationMs: 5, producedBytes: 0 } });
  });
});

describe('extensionOverheadSpan()', () => {
  it('is a span of the report', () => {
    const spans = [extensionOverheadSpan(noonMs, 1.239)];
    expect(parsed(reportEvent(request, { durationMs: 1, maxMemoryUsedMiB: 1, spans })).record.spans).toEqual([
      { name: 'extensionOverhead', start: '2026-11-25T12:00:00.000Z', durationMs: 1.24 },
    ]);
  });
});
