import type { RuntimeProcess, RuntimeProgram } from './fake-host-agent.ts';

export interface ExtensionEvent {
  readonly eventType: 'INVOKE' | 'SHUTDOWN';
  readonly deadlineMs: number;
  readonly requestId?: string;
  readonly shutdownReason?: string;
}

export interface ExtensionProgramOptions {
  readonly events?: readonly string[];
  /** Before it asks for its first event; throw, exit or never return to fail. */
  readonly init?: (process: RuntimeProcess, identifier: string) => Promise<void> | void;
  readonly onInvoke?: (event: ExtensionEvent, process: RuntimeProcess, identifier: string) => Promise<void> | void;
  /** @default exits with status 0 */
  readonly onShutdown?: (event: ExtensionEvent, process: RuntimeProcess) => Promise<void> | void;
}

/** An extension by its name, external where /opt/extensions has it: registers, asks for events and does what the options say with them. */
export function extensionProgram(name: string, options: ExtensionProgramOptions = {}): RuntimeProgram {
  const { events = ['INVOKE', 'SHUTDOWN'], init, onInvoke, onShutdown = (_event, process) => process.exit({ status: 0 }) } = options;
  return async (process) => {
    const body = JSON.stringify({ events });
    const registered = await process.client.send('POST', '/2020-01-01/extension/register', { headers: { 'Lambda-Extension-Name': name }, body });
    const identifier = String(registered.headers['lambda-extension-identifier']);
    await init?.(process, identifier);
    for (;;) {
      const answer = await process.client.send('GET', '/2020-01-01/extension/event/next', { headers: { 'Lambda-Extension-Identifier': identifier } });
      if (answer.status !== 200) return;
      const event = JSON.parse(answer.body) as ExtensionEvent;
      if (event.eventType === 'SHUTDOWN') await onShutdown(event, process);
      else await onInvoke?.(event, process, identifier);
    }
  };
}

/** Reports an error of the extension's own, as it does before it ends. */
export async function reportExtensionError(process: RuntimeProcess, identifier: string, phase: 'init' | 'exit'): Promise<void> {
  const headers = { 'Lambda-Extension-Identifier': identifier, 'Lambda-Extension-Function-Error-Type': 'Extension.Broken' };
  await process.client.send('POST', `/2020-01-01/extension/${phase}/error`, { headers, body: '{}' });
}
