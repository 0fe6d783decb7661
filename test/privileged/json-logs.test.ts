import type { LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';

const node = `export const handler = async (event) => {
  console.debug('quiet');
  console.info('hello', { a: 1 });
  console.error(new Error('loud'));
  process.stdout.write('plain\\n');
  if (event.exit) process.exit(event.exit);
  return 'done';
};`;
const python = `import logging
logger = logging.getLogger()
def handler(event, context):
    logger.debug('quiet')
    logger.info('hello')
    logger.error('loud')
    print('plain')
    return 'done'
`;

interface Line {
  readonly level?: string;
  readonly type?: string;
  // biome-ignore lint/suspicious/noExplicitAny: what the clients write has many shapes
  readonly [member: string]: any;
}

let daemon: RunningDaemon;
let lambda: LambdaClient;
beforeAll(async () => {
  daemon = await startDaemon();
  lambda = daemon.lambda();
});
afterAll(() => daemon?.[Symbol.asyncDispose]());

/** The tail of one invocation: its lines as JSON, or as they are where they are none. */
async function logOf(name: string, payload: object = {}): Promise<readonly (Line | string)[]> {
  const { log } = await invoke(lambda, name, payload);
  return log
    .trimEnd()
    .split('\n')
    .map((line) => (line.startsWith('{') ? (JSON.parse(line) as Line) : line));
}

const told = (lines: readonly (Line | string)[]) => lines.map((line) => (typeof line === 'string' ? line : (line.type ?? line.level)));

describe("AWS's own clients, writing JSON", () => {
  const runtimes = [
    ['nodejs22.x', { 'index.mjs': node }, 'index.handler'],
    ['nodejs24.x', { 'index.mjs': node }, 'index.handler'],
    ['python3.13', { 'app.py': python }, 'app.handler'],
  ] as const;

  it.each(runtimes)('%s writes objects with levels, and leaves out what is below the level', async (runtime, files, Handler) => {
    const name = `json-${runtime.replace('.', '-')}`;
    await deploy(lambda, { name, runtime, files, Handler, LoggingConfig: { LogFormat: 'JSON' } });
    const lines = await logOf(name);
    expect(told(lines)).toEqual(['platform.start', 'INFO', 'ERROR', 'plain', 'platform.report']);
    const [start, info, error, , report] = lines as readonly Line[];
    const requestId = start?.['record'].requestId;
    expect(info).toMatchObject({ requestId, timestamp: expect.stringMatching(/^\d{4}-/), message: expect.stringContaining('hello') });
    expect(error).toMatchObject({ requestId });
    expect(report?.['record']).toMatchObject({ requestId, status: 'success', metrics: { memorySizeMB: 128 } });
  });

  it.each(runtimes)('%s writes more at more detailed levels', async (runtime, files, Handler) => {
    const name = `debug-${runtime.replace('.', '-')}`;
    const LoggingConfig = { LogFormat: 'JSON', ApplicationLogLevel: 'DEBUG', SystemLogLevel: 'DEBUG' } as const;
    await deploy(lambda, { name, runtime, files, Handler, LoggingConfig });
    expect(told(await logOf(name))).toEqual(['platform.start', 'DEBUG', 'INFO', 'ERROR', 'plain', 'platform.runtimeDone', 'platform.report']);
  });
});

describe('a function whose log is JSON', () => {
  it('tells a crash as objects', async () => {
    await deploy(lambda, {
      name: 'crash',
      runtime: 'nodejs24.x',
      files: { 'index.mjs': node },
      LoggingConfig: { LogFormat: 'JSON', SystemLogLevel: 'WARN' },
    });
    const lines = await logOf('crash', { exit: 3 });
    expect(told(lines)).toEqual(['INFO', 'ERROR', 'plain', 'platform.runtimeDone', 'ERROR', 'platform.report']);
    const [reason, report] = lines.slice(-2) as readonly Line[];
    expect(reason).toMatchObject({ message: expect.stringContaining('Runtime exited with error: exit status 3') });
    expect(report?.['record']).toMatchObject({ status: 'error', errorType: 'Runtime.ExitError' });
  });

  it('writes into the stream of a group that others share under its own name', async () => {
    const files = { 'index.mjs': 'export const handler = () => process.env.AWS_LAMBDA_LOG_STREAM_NAME;' };
    const streamOf = async (name: string, LoggingConfig: object) => {
      await deploy(lambda, { name, runtime: 'nodejs24.x', files, LoggingConfig });
      return (await invoke(lambda, name)).value;
    };
    expect(await streamOf('shares', { LogGroup: '/shared' })).toMatch(/^\d{4}\/\d\d\/\d\d\/shares\[\$LATEST\][0-9a-f]{32}$/);
    expect(await streamOf('keeps', { LogFormat: 'Text' })).toMatch(/^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
  });
});
