import { cpSync, existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { AdminClient } from '../cli/admin-client.ts';
import { startProgram } from '../linux/start-program.ts';

/** How a host agent is started: `up`'s arguments are added. The first argument is the program's own name, as execve(2) takes it. */
export interface AgentProgram {
  readonly file: string;
  readonly args: readonly string[];
}

export interface ThrowawayCloisterOptions {
  readonly program: AgentProgram;
  /** A data directory whose built runtimes it uses. */
  readonly runtimesFrom: string;
  /** Its config.json (docs/configuration.md). */
  readonly configuration: unknown;
}

interface Ready {
  readonly endpoint: string;
  readonly region: string;
  readonly accountId: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly dataDir: string;
  readonly pid: number;
}

/** An environment as the daemon lists it. */
export interface ListedEnvironment {
  readonly id: string;
  readonly accountId: string;
  readonly functionName: string;
  readonly createdAt: string;
  readonly pids: readonly number[];
}

/** A whole Cloister for the length of an audit, on a free port and a data directory of its own. */
export class ThrowawayCloister implements AsyncDisposable {
  readonly dataDirectory: string;
  readonly agentPid: number;
  readonly apiPort: number;
  readonly #ready: Ready;
  readonly #admin: AdminClient;
  readonly #undo: AsyncDisposableStack;

  private constructor(ready: Ready, undo: AsyncDisposableStack) {
    this.dataDirectory = ready.dataDir;
    this.agentPid = ready.pid;
    this.apiPort = Number(new URL(ready.endpoint).port);
    this.#ready = ready;
    this.#undo = undo;
    this.#admin = new AdminClient({ endpoint: ready.endpoint, region: ready.region, accountId: ready.accountId, credentials: ready });
  }

  static async start({ program, runtimesFrom, configuration }: ThrowawayCloisterOptions): Promise<ThrowawayCloister> {
    await using undo = new AsyncDisposableStack();
    const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-audit-'));
    undo.defer(() => rmSync(dataDirectory, { recursive: true, force: true }));
    linkRuntimes(runtimesFrom, dataDirectory);
    writeFileSync(join(dataDirectory, 'config.json'), JSON.stringify(configuration), { mode: 0o600 });
    const args = [...program.args.slice(1), '--json', '--listen', '127.0.0.1:0', '--data-dir', dataDirectory];
    const agent = undo.use(await startProgram(program.file, args));
    return new ThrowawayCloister(JSON.parse(agent.firstLine) as Ready, undo.move());
  }

  /** A client of Lambda's API: of the first account, or of another, which is made. */
  async lambda(accountId?: string): Promise<LambdaClient> {
    const { endpoint, region } = this.#ready;
    const credentials = accountId === undefined ? this.#ready : ((await this.#admin.post('credentials', { accountId })) as Ready);
    const client = new LambdaClient({ endpoint, region, credentials, maxAttempts: 1 });
    this.#undo.defer(() => client.destroy());
    return client;
  }

  async environments(): Promise<readonly ListedEnvironment[]> {
    return ((await this.#admin.get('environments')) as { readonly environments: readonly ListedEnvironment[] }).environments;
  }

  /** What the agent reads from the kernel of one environment: wall, fact, value. */
  async evidence(id: string): Promise<Readonly<Record<string, Readonly<Record<string, { readonly value: unknown; readonly readFrom: string }>>>>> {
    return ((await this.#admin.get(`environments/${id}`)) as { readonly walls: never }).walls;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo.disposeAsync();
  }
}

/** Manifests copied, images hard-linked where the file system allows: immutable files named by digest may be shared. */
function linkRuntimes(from: string, to: string): void {
  const images = join('images', 'runtimes');
  if (!existsSync(join(from, images))) return;
  mkdirSync(join(to, images), { recursive: true, mode: 0o700 });
  cpSync(join(from, 'runtimes'), join(to, 'runtimes'), { recursive: true });
  for (const name of readdirSync(join(from, images))) {
    try {
      linkSync(join(from, images, name), join(to, images, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
      cpSync(join(from, images, name), join(to, images, name));
    }
  }
}
