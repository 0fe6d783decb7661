import { describe, expect, it } from 'vitest';
import { Extension } from './extension.ts';

const invoke = (requestId: string) => ({ type: 'INVOKE', notice: { requestId, invokedFunctionArn: 'arn', deadlineMs: 1 } }) as const;

function registeredExtension(): Extension {
  const extension = new Extension('agent', 'external');
  extension.register(['INVOKE', 'SHUTDOWN']);
  return extension;
}

/** What it gets when it asks: an event, or the way to stop waiting. */
function ask(extension: Extension, received: string[] = []): unknown {
  expect(extension.allows('next')).toBe(true);
  const next = extension.next((body) => void received.push(String(JSON.parse(String(body)).requestId)));
  return typeof next === 'function' ? next : JSON.parse(String(next));
}

describe('an extension', () => {
  it('whose connection ended while it waited is still ready, and gets the next event when it asks', () => {
    const extension = registeredExtension();
    const received: string[] = [];
    (ask(extension, received) as () => void)();
    expect(extension.state).toBe('Ready');
    extension.deliver(invoke('one'));
    expect([extension.state, received]).toEqual(['Running', []]);
    expect(ask(extension)).toMatchObject({ requestId: 'one' });
    expect(extension.state).toBe('Running');
  });

  it('waits by its latest question only', () => {
    const extension = registeredExtension();
    const received: string[] = [];
    const stopWaiting = ask(extension, received) as () => void;
    stopWaiting();
    ask(extension, received);
    stopWaiting();
    extension.deliver(invoke('one'));
    expect(received).toEqual(['one']);
  });

  it('that never came to ask for an invocation is told of the end instead', () => {
    const extension = registeredExtension();
    extension.deliver(invoke('one'));
    extension.deliver({ type: 'SHUTDOWN', notice: { reason: 'timeout', deadlineMs: 1 } });
    expect(ask(extension)).toMatchObject({ eventType: 'SHUTDOWN' });
  });

  it('that failed gets nothing', () => {
    const extension = registeredExtension();
    const received: string[] = [];
    ask(extension, received);
    extension.fail('exitError', 'Extension.Broken');
    extension.deliver(invoke('one'));
    expect([extension.state, received]).toEqual(['ExitError', []]);
  });
});
