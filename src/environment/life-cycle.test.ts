import { closeSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { type ExtensionEvent, extensionProgram, reportExtensionError } from '../../test/support/extension-program.ts';
import type { RuntimeProcess, RuntimeProgram } from '../../test/support/fake-host-agent.ts';
import { openPipe } from '../../test/support/kernel-objects.ts';
import { LifeRig, type LifeRigOptions, settled, until } from '../../test/support/life-rig.ts';
import { CloisterError } from '../errors.ts';
import type { Invocation } from './invocation.ts';
import { renderFailure } from './invocation-failure.ts';

const rigs: LifeRig[] = [];
const forever = new Promise<never>(() => {});

afterEach(async () => {
  for (const rig of rigs.splice(0)) {
    await rig.close();
    expect(rig.agent.living.size).toBe(0);
    expect(rig.problems).toEqual([]);
  }
});

function rigOf(program: RuntimeProgram, options?: LifeRigOptions): LifeRig {
  const rig = new LifeRig(program, options);
  rigs.push(rig);
  return rig;
}

async function startedRig(program: RuntimeProgram, options?: LifeRigOptions): Promise<LifeRig> {
  const rig = rigOf(program, options);
  await rig.environment.start();
  return rig;
}

/** Answers every event with it, or as told, until its process ends. */
function echo(answer: (event: string, process: RuntimeProcess) => Promise<string> | string = (event) => event): RuntimeProgram {
  return async (process) => {
    for (;;) {
      const { headers, body } = await process.client.next();
      await process.client.respond(String(headers['lambda-runtime-aws-request-id']), await answer(body, process));
    }
  };
}

/** A runtime with an internal extension, which asks for its first event when `ready` says so. */
function withInternal(ready: Promise<void> = Promise.resolve()): RuntimeProgram {
  return async (process) => {
    const registered = Promise.withResolvers<void>();
    const init = async (): Promise<void> => {
      registered.resolve();
      await ready;
    };
    extensionProgram('inside', { events: ['INVOKE'], init })({ ...process, client: process.client.another() }).catch(() => {});
    await registered.promise;
    await echo()(process);
  };
}

/** What the client gets. */
async function clientText(invocation: Invocation): Promise<string> {
  const answer = await invocation.answered;
  if ('payload' in answer) return answer.payload.toString();
  if ('stream' in answer) throw new Error('a buffered invocation was answered by a stream');
  return renderFailure(answer.failure, { requestId: invocation.event.requestId, timeoutSeconds: 3, wallMs: 0 }).payload.toString();
}

function starts(rig: LifeRig): number {
  return rig.agent.verbs.filter((verb) => verb === 'start').length;
}

function signals(rig: LifeRig): readonly string[] {
  return rig.agent.verbs.filter((verb) => verb.startsWith('signal'));
}

describe('Init', () => {
  it('starts every extension at once, and the runtime when all of them have registered', async () => {
    const order: string[] = [];
    const go = Promise.withResolvers<void>();
    const slow: RuntimeProgram = async (process) => {
      order.push('slow');
      await go.promise;
      await extensionProgram('slow')(process);
    };
    const quick = extensionProgram('quick', { init: () => void order.push('quick registered') });
    const runtime: RuntimeProgram = async (process) => {
      order.push('runtime');
      await echo()(process);
    };
    const rig = rigOf(runtime, { extensions: { quick, slow } });
    const started = rig.environment.start();
    await until(() => order.includes('quick registered'), 'the quick one registers');
    await settled();
    expect(order).toEqual(['slow', 'quick registered']);
    go.resolve();
    await started;
    expect(order).toEqual(['slow', 'quick registered', 'runtime']);
  });

  it.each<[string, (gate: Promise<void>) => [RuntimeProgram, LifeRigOptions]]>([
    ['an external extension', (gate) => [echo(), { extensions: { outside: extensionProgram('outside', { init: () => gate }) } }]],
    ['an internal extension', (gate) => [withInternal(gate), {}]],
    [
      'the runtime',
      (gate) => [
        async (process) => {
          await gate;
          await echo()(process);
        },
        { extensions: { outside: extensionProgram('outside') } },
      ],
    ],
  ])('lasts until %s, too, has asked for its first event', async (_who, make) => {
    const gate = Promise.withResolvers<void>();
    const rig = rigOf(...make(gate.promise));
    const started = rig.environment.start();
    await until(() => starts(rig) >= 1, 'a process is started');
    await settled();
    expect(rig.environment.phase).toBe('starting');
    rig.clock.advance(1_500);
    gate.resolve();
    await started;
    expect(rig.environment.phase).toBe('idle');
    expect((await rig.invoke().ended).initDurationMs).toBe(1_500);
  });

  it('gives extensions the function’s variables and credentials, and nothing of the runtime’s own', async () => {
    let found: Readonly<Record<string, string>> = {};
    const look = extensionProgram('look', {
      init: (process) => {
        found = process.variables;
      },
    });
    await startedRig(echo(), { extensions: { look }, function: { environment: { GREETING: 'hello' } } });
    expect(found).toMatchObject({
      GREETING: 'hello',
      PATH: '/var/lang/bin:/usr/local/bin',
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'ASIA',
      AWS_LAMBDA_FUNCTION_NAME: 'thumbnail',
      AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001',
    });
    expect(Object.keys(found).filter((name) => /^(_|LAMBDA_|AWS_EXECUTION_ENV|AWS_XRAY|AWS_LAMBDA_LOG_(GROUP|STREAM))/.test(name))).toEqual([]);
  });

  it('tells of each extension in the log', async () => {
    const rig = await startedRig(withInternal(), { extensions: { outside: extensionProgram('outside') } });
    expect(rig.lines.slice(1)).toEqual([
      'EXTENSION\tName: outside\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\n',
      'EXTENSION\tName: inside\tState: Ready\tEvents: [INVOKE]\n',
    ]);
  });

  const exits: RuntimeProgram = async (process) => process.exit({ status: 0 });
  const reports = extensionProgram('broken', {
    init: async (process, identifier) => {
      await reportExtensionError(process, identifier, 'init');
      process.exit({ status: 3 });
    },
  });
  const dies: RuntimeProgram = async (process) => process.exit({ signal: 11 });
  it.each([
    ['ends without a word', exits, 'Extension.Crash', 'exit code 0'],
    ['is killed', dies, 'Extension.Crash', 'signal: segmentation fault'],
    ['reports an error and ends', reports, 'Extension.InitError', 'exit status 3'],
  ])('that an extension fails in, since it %s, is repeated within the first invocation, which then fails', async (_how, broken, type, reason) => {
    const rig = await startedRig(echo(), { extensions: { broken } });
    expect(rig.environment.phase).toBe('claimed');
    const invocation = rig.invoke();
    expect(JSON.parse(await clientText(invocation))).toEqual({ errorType: type, errorMessage: `RequestId: request-1 Error: ${reason}` });
    await invocation.ended;
    expect(rig.lines.filter((line) => line.startsWith('INIT_REPORT'))).toEqual([
      `INIT_REPORT Init Duration: 0.00 ms\tPhase: init\tStatus: error\tError Type: ${type}\n`,
      `INIT_REPORT Init Duration: 0.00 ms\tPhase: invoke\tStatus: error\tError Type: ${type}\n`,
    ]);
    expect(rig.lines.filter((line) => line.startsWith('INIT_START'))).toHaveLength(1);
  });

  it.each([
    ['NotFound', 'UnknownError', 'no such file or directory'],
    ['NotExecutable', 'PermissionDenied', 'permission denied'],
    ['NoProgram', 'UnknownError', 'exec format error'],
  ] as const)('with an extension that cannot be executed (%s) is Extension.LaunchError, and starts no runtime', async (code, errorType, reason) => {
    const rig = rigOf(echo(), { extensions: { broken: exits } });
    rig.agent.refusals.set('start', new CloisterError(code, 'cannot be executed', { operation: 'test' }));
    await rig.environment.start();
    expect(rig.lines.slice(1)).toEqual([
      `EXTENSION\tName: broken\tState: LaunchError\tEvents: []\tError Type: ${errorType}\n`,
      'INIT_REPORT Init Duration: 0.00 ms\tPhase: init\tStatus: error\tError Type: Extension.LaunchError\n',
    ]);
    expect(starts(rig)).toBe(1);
    expect(JSON.parse(await clientText(rig.invoke()))).toEqual({
      errorType: 'Extension.LaunchError',
      errorMessage: `RequestId: request-1 Error: fork/exec /opt/extensions/broken: ${reason}`,
    });
  });

  it('with more than ten extensions starts none', async () => {
    const names = Array.from({ length: 11 }, (_, index) => `extension-${index}`);
    const rig = await startedRig(echo(), { extensions: Object.fromEntries(names.map((name) => [name, extensionProgram(name)])) });
    expect(starts(rig)).toBe(0);
    expect(rig.lines.filter((line) => line.includes('LaunchError\tEvents'))).toEqual([
      'EXTENSION\tName: extension-9\tState: LaunchError\tEvents: []\tError Type: TooManyExtensions\n',
    ]);
    expect(rig.lines.at(-1)).toContain('Error Type: Extension.LaunchError');
    expect(JSON.parse(await clientText(rig.invoke())).errorType).toBe('Extension.LaunchError');
  });

  it('with ten extensions starts them', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `extension-${index}`);
    const rig = await startedRig(echo(), { extensions: Object.fromEntries(names.map((name) => [name, extensionProgram(name)])) });
    expect(await clientText(rig.invoke('"ten"'))).toBe('"ten"');
  });

  it('takes ten seconds at most, registrations among them, and is repeated under the function’s own limit', async () => {
    const reasons: unknown[] = [];
    const mute: RuntimeProgram = () => forever;
    const tidy = extensionProgram('tidy', {
      onShutdown: ({ shutdownReason }, process) => {
        reasons.push(shutdownReason);
        process.exit({ status: 0 });
      },
    });
    const rig = rigOf(echo(), { extensions: { mute, tidy } });
    const started = rig.environment.start();
    await until(() => starts(rig) === 2, 'the extensions are started');
    await settled();
    rig.clock.advance(9_999);
    await settled();
    expect(rig.environment.phase).toBe('starting');
    rig.clock.advance(1);
    await started;
    expect(rig.lines.at(-1)).toBe('INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\n');
    // The one that never registered is not waited for.
    expect([reasons, signals(rig), rig.clock.monotonicMs()]).toEqual([['timeout'], ['signal SIGKILL'], 10_000]);
    const invocation = rig.invoke();
    await until(() => starts(rig) === 4, 'they are started again');
    rig.clock.advance(3_000);
    expect(JSON.parse(await clientText(invocation)).errorType).toBe('Sandbox.Timedout');
    expect((await invocation.ended).durationMs).toBe(3_000);
  });

  it('that fails once and then succeeds serves the invocation, whose duration has the init in it', async () => {
    const moody: RuntimeProgram = async (process) => (process.run === 1 ? process.exit({ status: 1 }) : echo()(process));
    const second = Promise.withResolvers<void>();
    const steady = extensionProgram('steady', { init: (process) => (process.run === 1 ? undefined : second.promise) });
    const rig = await startedRig(moody, { extensions: { steady } });
    const invocation = rig.invoke('"again"');
    await until(() => starts(rig) === 4, 'both are started again');
    rig.clock.advance(700);
    second.resolve();
    expect(await clientText(invocation)).toBe('"again"');
    expect(await invocation.ended).toMatchObject({ durationMs: 700 });
  });
});

describe('Invoke', () => {
  it('is answered when the runtime responds, and over when every extension has asked for its next event', async () => {
    const working = Promise.withResolvers<void>();
    const rig = await startedRig(echo(), { extensions: { slow: extensionProgram('slow', { onInvoke: () => working.promise }) } });
    const invocation = rig.invoke('"at once"');
    expect(await clientText(invocation)).toBe('"at once"');
    let isOver = false;
    const ended = invocation.ended.finally(() => {
      isOver = true;
    });
    await settled();
    expect([isOver, rig.environment.phase]).toEqual([false, 'busy']);
    rig.clock.advance(400);
    working.resolve();
    // The sum of runtime and extensions, and the extensions' part by itself.
    expect(await ended).toMatchObject({ durationMs: 400, spans: [{ name: 'extensionOverhead', durationMs: 400 }] });
    expect(rig.environment.phase).toBe('idle');
  });

  it('has no extension overhead without extensions', async () => {
    const rig = await startedRig(echo());
    expect((await rig.invoke().ended).spans).toBeUndefined();
  });

  it('is told to the extensions that want to know, with its deadline', async () => {
    const events: ExtensionEvent[] = [];
    const told = extensionProgram('told', { onInvoke: (event) => void events.push(event) });
    const untold: ExtensionEvent[] = [];
    const mute = extensionProgram('mute', { events: [], onInvoke: (event) => void untold.push(event) });
    const rig = await startedRig(echo(), { extensions: { told, mute } });
    const deadlineMs = rig.clock.wallMs() + 3_000;
    await rig.invoke().ended;
    await rig.invoke().ended;
    const { functionArn: invokedFunctionArn } = rig.owner.function;
    expect(events).toEqual(['request-1', 'request-2'].map((requestId) => ({ eventType: 'INVOKE', requestId, deadlineMs, invokedFunctionArn })));
    expect(untold).toEqual([]);
  });

  it('that an extension holds up beyond the function’s time-out keeps its answer, and resets', async () => {
    const reasons: unknown[] = [];
    const slow = extensionProgram('slow', {
      onInvoke: (_event, process) => (process.run === 1 ? forever : undefined),
      onShutdown: ({ shutdownReason }, process) => {
        reasons.push(shutdownReason);
        process.exit({ status: 0 });
      },
    });
    const rig = await startedRig(echo(), { extensions: { slow } });
    const invocation = rig.invoke('"kept"');
    expect(await clientText(invocation)).toBe('"kept"');
    rig.clock.advance(3_000);
    expect(await invocation.ended).toMatchObject({ durationMs: 3_000, failure: { kind: 'timeout' } });
    await until(() => signals(rig).length === 1, 'the runtime is terminated');
    await settled();
    expect(rig.environment.phase).toBe('resetting');
    rig.clock.advance(2_000);
    await rig.environment.resetting;
    // Busy with the first invocation, it never asked for the event of its end, and was killed.
    expect(reasons).toEqual([]);
    expect(await clientText(rig.invoke('"next"'))).toBe('"next"');
  });

  it.each([
    ['Extension.Crash', 'exit status 9', async () => {}],
    ['Extension.ExitError', 'exit status 9', (process: RuntimeProcess, identifier: string) => reportExtensionError(process, identifier, 'exit')],
  ])('fails with %s when an extension ends', async (errorType, reason, before) => {
    const broken = extensionProgram('broken', {
      onInvoke: async (_event, process, identifier) => {
        if (process.run > 1) return;
        await before(process, identifier);
        process.exit({ status: 9 });
      },
    });
    const terminated: number[] = [];
    const runtime: RuntimeProgram = async (process) => {
      process.onTerminate(() => {
        terminated.push(process.run);
        process.exit({ status: 0 });
      });
      await echo(() => (process.run === 1 ? forever : '"served"'))(process);
    };
    const rig = await startedRig(runtime, { extensions: { broken } });
    const invocation = rig.invoke();
    expect(JSON.parse(await clientText(invocation))).toEqual({ errorType, errorMessage: `RequestId: request-1 Error: ${reason}` });
    await invocation.ended;
    expect(await clientText(rig.invoke())).toBe('"served"');
    expect(terminated).toEqual([1]);
    expect(rig.agent.verbs.filter((verb) => verb === 'openSlot' || verb === 'reset')).toEqual(['openSlot', 'reset']);
  });
});

describe('Freeze', () => {
  it('comes a millisecond after the last of them asked for its next event, and no sooner', async () => {
    const working = Promise.withResolvers<void>();
    const rig = await startedRig(echo(), { extensions: { slow: extensionProgram('slow', { onInvoke: () => working.promise }) } });
    const invocation = rig.invoke();
    await invocation.answered;
    rig.clock.advance(1_000);
    await settled();
    expect(rig.freezerWrites).toEqual([]);
    working.resolve();
    await invocation.ended;
    rig.clock.advance(0.9);
    expect([rig.environment.phase, ...rig.freezerWrites]).toEqual(['idle']);
    rig.clock.advance(0.1);
    expect([rig.environment.phase, ...rig.freezerWrites]).toEqual(['frozen', 'FROZEN']);
  });

  it('comes after an init, too', async () => {
    const rig = await startedRig(echo());
    rig.clock.advance(1);
    expect([rig.environment.phase, ...rig.freezerWrites]).toEqual(['frozen', 'FROZEN']);
  });

  it('never costs invocations that follow one another closely', async () => {
    const rig = await startedRig(echo());
    for (let count = 0; count < 20; count += 1) {
      await rig.invoke().ended;
      rig.clock.advance(0.9);
    }
    expect(rig.freezerWrites).toEqual([]);
  });

  it('never happens while something is to run, however long it takes', async () => {
    const go = Promise.withResolvers<void>();
    const rig = rigOf(
      echo(async (event) => {
        await go.promise;
        return event;
      }),
      { function: { timeoutSeconds: 900 } },
    );
    const started = rig.environment.start();
    await until(() => rig.environment.phase === 'starting', 'init runs');
    rig.clock.advance(5_000);
    await started;
    const invocation = rig.invoke();
    rig.clock.advance(600_000);
    go.resolve();
    await invocation.ended;
    expect(rig.freezerWrites).toEqual([]);
  });

  it('ends with the next event, when that is already on its way to the runtime', async () => {
    const rig = await startedRig(echo());
    await rig.invoke().ended;
    rig.clock.advance(1);
    const invocation = rig.invoke('"thawed"');
    expect(rig.freezerWrites).toEqual(['FROZEN', 'THAWED']);
    expect(rig.environment.phase).toBe('busy');
    expect(await clientText(invocation)).toBe('"thawed"');
    await invocation.ended;
    rig.clock.advance(1);
    expect(rig.freezerWrites).toEqual(['FROZEN', 'THAWED', 'FROZEN']);
  });

  it('that cannot be ended costs the environment, not the daemon: the invocation fails', async () => {
    const rig = rigOf(echo());
    const freezer = openPipe();
    const claim = rig.agent.claim.bind(rig.agent);
    rig.agent.claim = async (options) => {
      const descriptors = await claim(options);
      closeSync(descriptors.freezer);
      return { ...descriptors, freezer: freezer.writeEnd };
    };
    await rig.environment.start();
    rig.clock.advance(1);
    expect(rig.environment.phase).toBe('frozen');
    closeSync(freezer.readEnd);
    expect(JSON.parse(await clientText(rig.invoke())).errorType).toBe('Runtime.ExitError');
    expect(rig.environment.isUsable).toBe(false);
    expect(rig.problems.splice(0)).toEqual([expect.stringContaining('EPIPE')]);
  });

  it('ends when the processes are to end by themselves, and is not in their way', async () => {
    const rig = await startedRig(echo(), { extensions: { tidy: extensionProgram('tidy') } });
    rig.clock.advance(1);
    await rig.environment.destroy();
    expect(rig.freezerWrites).toEqual(['FROZEN', 'THAWED']);
    rig.clock.advance(10_000);
    expect(rig.environment.phase).toBe('stopped');
  });
});

describe('Shutdown', () => {
  const stubborn: RuntimeProgram = async (process) => {
    process.onTerminate(() => {});
    await echo()(process);
  };

  it('without extensions takes no time: nobody is told, everything is killed', async () => {
    const rig = await startedRig(stubborn);
    await rig.environment.destroy();
    expect(signals(rig)).toEqual([]);
    expect(rig.clock.monotonicMs()).toBe(0);
  });

  it('of a frozen environment without extensions runs nothing of the function any more', async () => {
    const rig = await startedRig(echo());
    rig.clock.advance(2);
    const atDestroy: (readonly string[])[] = [];
    const destroy = rig.agent.destroy.bind(rig.agent);
    rig.agent.destroy = (id) => {
      atDestroy.push(rig.freezerWrites);
      return destroy(id);
    };
    await rig.environment.destroy();
    expect(atDestroy).toEqual([['FROZEN']]);
  });

  it('lets a frozen environment run whose host agent has gone, so that its PID 1 can see it', async () => {
    const rig = await startedRig(echo());
    rig.clock.advance(2);
    const destroy = rig.agent.destroy.bind(rig.agent);
    rig.agent.destroy = async (id) => {
      await destroy(id);
      throw new CloisterError('AgentGone', 'the host agent has ended', { operation: 'test' });
    };
    await rig.environment.destroy();
    expect(rig.freezerWrites).toEqual(['FROZEN', 'THAWED']);
  });

  it('terminates the runtime first, then tells extensions why and until when, and waits for all of them', async () => {
    const order: string[] = [];
    const events: ExtensionEvent[] = [];
    const tidy = extensionProgram('tidy', {
      onShutdown: async (event, process) => {
        order.push('extension told');
        events.push(event);
        await goodbye.promise;
        process.exit({ status: 0 });
      },
    });
    const goodbye = Promise.withResolvers<void>();
    const runtime: RuntimeProgram = async (process) => {
      process.onTerminate(() => {
        order.push('runtime terminated');
        process.exit({ status: 0 });
      });
      await echo()(process);
    };
    const rig = await startedRig(runtime, { extensions: { tidy } });
    const deadlineMs = rig.clock.wallMs() + 2_000;
    const destroyed = rig.environment.destroy();
    await until(() => events.length === 1, 'the extension is told');
    await settled();
    expect(rig.agent.verbs).not.toContain('destroy');
    expect(rig.environment.phase).toBe('stopping');
    goodbye.resolve();
    await destroyed;
    expect(order).toEqual(['runtime terminated', 'extension told']);
    expect(events).toEqual([{ eventType: 'SHUTDOWN', shutdownReason: 'spindown', deadlineMs }]);
    expect(signals(rig)).toEqual(['signal SIGTERM']);
  });

  it('kills a runtime after 300 ms and everything after 2,000 ms', async () => {
    let toldAtMs = -1;
    const deaf = extensionProgram('deaf', {
      onShutdown: () => {
        toldAtMs = rig.clock.monotonicMs();
        return forever;
      },
    });
    const rig: LifeRig = await startedRig(stubborn, { extensions: { deaf } });
    const destroyed = rig.environment.destroy();
    await until(() => signals(rig).length === 1, 'SIGTERM');
    rig.clock.advance(299);
    await settled();
    expect(signals(rig)).toEqual(['signal SIGTERM']);
    rig.clock.advance(1);
    await until(() => toldAtMs === 300, 'the extension is told');
    expect(signals(rig)).toEqual(['signal SIGTERM', 'signal SIGKILL']);
    rig.clock.advance(1_699);
    await settled();
    expect(rig.agent.verbs).not.toContain('destroy');
    rig.clock.advance(1);
    await destroyed;
    expect(rig.agent.verbs.at(-1)).toBe('destroy');
  });

  it('with internal extensions only gives the runtime 500 ms', async () => {
    const rig = await startedRig(async (process) => {
      process.onTerminate(() => {});
      await withInternal()(process);
    });
    const destroyed = rig.environment.destroy();
    await until(() => signals(rig).length === 1, 'SIGTERM');
    rig.clock.advance(499);
    await settled();
    expect(signals(rig)).toEqual(['signal SIGTERM']);
    rig.clock.advance(1);
    await destroyed;
    expect(signals(rig)).toEqual(['signal SIGTERM', 'signal SIGKILL']);
  });

  it('kills extensions at once that did not ask to be told', async () => {
    const rig = await startedRig(echo(), { extensions: { careless: extensionProgram('careless', { events: ['INVOKE'] }) } });
    await rig.environment.destroy();
    expect(signals(rig)).toEqual(['signal SIGTERM', 'signal SIGKILL']);
    expect(rig.clock.monotonicMs()).toBe(0);
  });

  it('goes on at once when PID 1 goes meanwhile', async () => {
    let told = false;
    const deaf = extensionProgram('deaf', {
      onShutdown: () => {
        told = true;
        return forever;
      },
    });
    const rig = await startedRig(echo(), { extensions: { deaf } });
    const id = rig.environment.id ?? '';
    const destroyed = rig.environment.destroy();
    await until(() => told, 'the extension is told');
    rig.agent.kill(id, 'init');
    await destroyed;
    expect(rig.clock.monotonicMs()).toBe(0);
  });
});

describe('Reset', () => {
  const reasons: [string, RuntimeProgram, (rig: LifeRig) => void][] = [
    ['timeout', echo((_event, process) => (process.run === 1 ? forever : '"served"')), (rig) => rig.clock.advance(3_000)],
    [
      'failure',
      echo((_event, process) => {
        if (process.run > 1) return '"served"';
        process.exit({ status: 1 });
        return forever;
      }),
      () => {},
    ],
  ];
  it.each(reasons)('by %s shuts the processes down for this reason, and keeps the environment', async (reason, runtime, trigger) => {
    const told: unknown[] = [];
    const tidy = extensionProgram('tidy', {
      onShutdown: ({ shutdownReason }, process) => {
        told.push(shutdownReason);
        process.exit({ status: 0 });
      },
    });
    const rig = await startedRig(runtime, { extensions: { tidy } });
    const invocation = rig.invoke();
    await settled();
    trigger(rig);
    await invocation.ended;
    expect(await clientText(rig.invoke())).toBe('"served"');
    expect(told).toEqual([reason]);
    expect(rig.agent.verbs.filter((verb) => verb === 'openSlot' || verb === 'destroy')).toEqual(['openSlot']);
  });

  it('keeps nobody waiting for it but the next invocation', async () => {
    const bye = Promise.withResolvers<void>();
    let isTold = false;
    const slow = extensionProgram('slow', {
      onShutdown: async (_event, process) => {
        isTold = true;
        await bye.promise;
        process.exit({ status: 0 });
      },
    });
    const rig = await startedRig(
      echo((_event, process) => (process.run === 1 ? forever : '"served"')),
      { extensions: { slow } },
    );
    const invocation = rig.invoke();
    await settled();
    rig.clock.advance(3_000);
    // Its REPORT, too, does not wait: whoever asked for the tail of the log waits for that.
    expect((await invocation.ended).failure).toEqual({ kind: 'timeout' });
    expect(rig.environment.phase).toBe('resetting');
    await until(() => isTold, 'the extension is told');
    const next = rig.invoke();
    await settled();
    expect(starts(rig)).toBe(2);
    bye.resolve();
    expect(await clientText(next)).toBe('"served"');
    expect(starts(rig)).toBe(4);
  });

  it('of a runtime that ends while nothing runs happens at once', async () => {
    let leave: (() => void) | undefined;
    const rig = await startedRig(
      echo((_event, process) => {
        leave = () => process.exit({ status: 1 });
        return JSON.stringify(process.run);
      }),
      { extensions: { tidy: extensionProgram('tidy') } },
    );
    await rig.invoke().ended;
    leave?.();
    expect(await clientText(rig.invoke())).toBe('2');
  });

  it('gives way to a destruction that comes meanwhile', async () => {
    let isTold = false;
    const deaf = extensionProgram('deaf', {
      onShutdown: () => {
        isTold = true;
        return forever;
      },
    });
    const rig = await startedRig(
      echo(() => forever),
      { extensions: { deaf } },
    );
    const invocation = rig.invoke();
    await settled();
    rig.clock.advance(3_000);
    await invocation.ended;
    await until(() => isTold, 'the extension is told');
    const destroyed = rig.environment.destroy();
    rig.clock.advance(2_000);
    await destroyed;
    expect(rig.agent.verbs.filter((verb) => verb === 'reset' || verb === 'destroy')).toEqual(['destroy']);
  });
});
