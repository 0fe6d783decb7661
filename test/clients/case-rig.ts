import { readdir } from 'node:fs/promises';
import { CreateFunctionCommand } from '@aws-sdk/client-lambda';
import { zip } from '../../bench/zip.ts';
import { formatFunctionArn, formatLayerArn } from '../../src/functions/arn.ts';
import { type Credentials, type RunningDaemon, startDaemon } from '../daemon.ts';
import type { RealClient } from './call-outcome.ts';
import type { CallerName, CaseScope, ClientCase, ClientName, Members } from './client-case.ts';
import { clientNames, functionInput } from './client-case.ts';
import { JavascriptClient } from './javascript-client.ts';
import { PythonClients } from './python-clients.ts';

const otherAccountId = '210987654321';

/** One daemon, the three clients, and the functions that all cases may read. */
export interface CaseRig extends AsyncDisposable {
  readonly daemon: RunningDaemon;
  readonly clients: Readonly<Record<ClientName, RealClient>>;
  /** A scope for a case with one client. */
  scope(client: ClientName, caseName: string): CaseScope & { save(name: string, answer: Members): void };
}

/** Starts it all. */
export async function startCaseRig(): Promise<CaseRig> {
  await using undo = new AsyncDisposableStack();
  const daemon = undo.use(await startDaemon({ config: { concurrency: { default: 1_000, accounts: { [otherAccountId]: 150 } } } }));
  const callers = await createCallers(daemon);
  const python = undo.use(await PythonClients.start(callers));
  const javascript = undo.use(new JavascriptClient(callers));
  const code = await zip({ 'index.js': 'exports.handler = async (event) => event;\n' });
  const otherCode = await zip({ 'index.js': 'exports.handler = async () => 2;\n' });
  const layer = await zip({ 'nodejs/a.txt': 'a\n' });
  const { region, accountId } = daemon.credentials;
  const scope: CaseRig['scope'] = (client, caseName) => {
    const answers = new Map<string, Members>();
    const name = `${caseName}-${client}`;
    return {
      client,
      name,
      named: (suffix) => `${name}-${suffix}`,
      shared: `shared-${client}`,
      region,
      accountId,
      otherAccountId,
      functionArn: (functionName, qualifier) => formatFunctionArn({ region, accountId, functionName, qualifier }),
      layerArn: (layerName, version) => formatLayerArn({ region, accountId, layerName, version }),
      zips: { code, otherCode, layer },
      saved: (saved) => {
        const answer = answers.get(saved);
        if (answer === undefined) throw new Error(`no step saved its answer as ${saved}`);
        return answer;
      },
      save: (saved, answer) => answers.set(saved, answer),
    };
  };
  const lambda = daemon.lambda();
  for (const client of clientNames) {
    const input = { ...functionInput(scope(client, 'shared')), Publish: true };
    await lambda.send(new CreateFunctionCommand(input as never));
  }
  const stack = undo.move();
  return {
    daemon,
    clients: { javascript, boto3: python.boto3, cli: python.cli },
    scope,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function createCallers(daemon: RunningDaemon): Promise<Readonly<Record<CallerName, Credentials>>> {
  const { status, stdout, stderr } = await daemon.cli('credentials', 'create', '--account', otherAccountId, '--json');
  if (status !== 0) throw new Error(stderr);
  return {
    own: daemon.credentials,
    other: { ...daemon.credentials, ...(JSON.parse(stdout) as Partial<Credentials>) },
    'wrong-secret': { ...daemon.credentials, secretAccessKey: 'x'.repeat(40) },
  };
}

/** The cases of every file in `cases`, by the file's name. */
export async function loadCases(): Promise<ReadonlyMap<string, readonly ClientCase[]>> {
  const directory = new URL('cases/', import.meta.url);
  const files = (await readdir(directory)).filter((file) => file.endsWith('.ts')).sort();
  const families = files.map(async (file) => {
    const module = (await import(new URL(file, directory).href)) as Readonly<Record<string, readonly ClientCase[]>>;
    return [file.slice(0, -'.ts'.length), Object.values(module).flat()] as const;
  });
  return new Map(await Promise.all(families));
}
