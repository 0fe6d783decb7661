import { parseArgs } from 'node:util';
import { CloisterError } from '../errors.ts';
import type { DaemonSettings } from './daemon-process.ts';

export interface AgentSettings {
  readonly dataDirectory: string;
  readonly json: boolean;
  /** Instead of the default that the host's configuration names. */
  readonly idleTimeoutMs: number | undefined;
  /** What the host's configuration does not say. */
  readonly daemon: Omit<DaemonSettings, 'lifetimes' | 'concurrency' | 'maxEnvironments'>;
}

export const defaultDataDirectory = '/var/lib/cloister';
const shutdownGraceMs = 5_000;

/** Reads the arguments of `cloister up`. Throws `BadMessage` with a sentence for the user. */
export function parseAgentArguments(args: readonly string[]): AgentSettings {
  const { values } = parse(args);
  const [, listenHost, port] = /^(.+):(\d{1,5})$/.exec(values.listen) ?? [];
  const listenPort = Number(port);
  if (listenHost === undefined || listenPort > 65_535) throw usage(`--listen takes HOST:PORT, not ${values.listen}`);
  const idleTimeout = values['idle-timeout'];
  const idleSeconds = Number(idleTimeout);
  if (idleTimeout !== undefined && !(idleSeconds > 0 && idleSeconds <= 604_800)) throw usage(`--idle-timeout takes seconds, not ${idleTimeout}`);
  if (!/^[a-z]{2,}(-[a-z]+)+-\d$/.test(values.region)) throw usage(`--region takes a region such as us-east-1, not ${values.region}`);
  return {
    dataDirectory: values['data-dir'] ?? process.env['CLOISTER_DATA_DIR'] ?? defaultDataDirectory,
    json: values.json,
    idleTimeoutMs: idleTimeout === undefined ? undefined : Math.round(idleSeconds * 1_000),
    daemon: {
      listenHost: listenHost.replace(/^\[(.*)\]$/, '$1'),
      listenPort,
      region: values.region,
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
        'idle-timeout': { type: 'string' },
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
