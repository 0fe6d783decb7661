import { parseArgs } from 'node:util';
import { CloisterError } from '../errors.ts';
import type { DaemonSettings } from './daemon-process.ts';

export interface AgentSettings {
  readonly dataDirectory: string;
  readonly json: boolean;
  readonly daemon: DaemonSettings;
}

export const defaultDataDirectory = '/var/lib/cloister';
const defaultIdleTimeoutSeconds = 900;
const shutdownGraceMs = 5_000;

/** Reads the arguments of `cloister up`. Throws `BadMessage` with a sentence for the user. */
export function parseAgentArguments(args: readonly string[]): AgentSettings {
  const { values } = parse(args);
  const [, listenHost, port] = /^(.+):(\d{1,5})$/.exec(values.listen) ?? [];
  const listenPort = Number(port);
  if (listenHost === undefined || listenPort > 65_535) throw usage(`--listen takes HOST:PORT, not ${values.listen}`);
  const idleSeconds = Number(values['idle-timeout']);
  if (!Number.isFinite(idleSeconds) || idleSeconds <= 0) throw usage(`--idle-timeout takes seconds, not ${values['idle-timeout']}`);
  if (!/^[a-z]{2,}(-[a-z]+)+-\d$/.test(values.region)) throw usage(`--region takes a region such as us-east-1, not ${values.region}`);
  return {
    dataDirectory: values['data-dir'] ?? process.env['CLOISTER_DATA_DIR'] ?? defaultDataDirectory,
    json: values.json,
    daemon: {
      listenHost: listenHost.replace(/^\[(.*)\]$/, '$1'),
      listenPort,
      region: values.region,
      idleTimeoutMs: Math.round(idleSeconds * 1_000),
      maxEnvironments: 1_000,
      shutdownGraceMs,
    },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        'data-dir': { type: 'string' },
        listen: { type: 'string', default: '127.0.0.1:3001' },
        region: { type: 'string', default: 'us-east-1' },
        'idle-timeout': { type: 'string', default: String(defaultIdleTimeoutSeconds) },
        json: { type: 'boolean', default: false },
      },
    });
  } catch (cause) {
    throw usage((cause as Error).message);
  }
}

function usage(message: string): CloisterError {
  return new CloisterError('BadMessage', message, { operation: 'read arguments' });
}
