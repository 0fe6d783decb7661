import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endGroup, run, startGroup } from './process-group.ts';

/** What `cloister up --json` prints first. */
export interface ReadyLine {
  readonly endpoint: string;
  readonly region: string;
  readonly accountId: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly pid: number;
}

export interface RunningCloister extends AsyncDisposable {
  readonly ready: ReadyLine;
}

const program = fileURLToPath(new URL('../../bin/cloister', import.meta.url));

/** The `cloister` command on one data directory, as a user types it. */
export class Cloister {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #signal: AbortSignal;

  constructor(dataDirectory: string, signal: AbortSignal) {
    // What the user's shell says of another daemon must not lead the demo there.
    const { CLOISTER_ENDPOINT: _, ...environment } = process.env;
    this.#environment = { ...environment, CLOISTER_DATA_DIR: dataDirectory };
    this.#signal = signal;
  }

  /** Runs a command that speaks for itself. */
  async show(...args: readonly string[]): Promise<void> {
    await run(program, args, { environment: this.#environment, signal: this.#signal, show: true });
  }

  /** Runs a command with --json and answers what it printed. */
  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await run(program, [...args, '--json'], { environment: this.#environment, signal: this.#signal })) as T;
  }

  /** Starts the daemon on a free port and answers once it serves; disposing of it stops it. */
  async up(): Promise<RunningCloister> {
    this.#signal.throwIfAborted();
    const child = startGroup(program, ['up', '--json', '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'], env: this.#environment });
    await using undo = new AsyncDisposableStack();
    undo.defer(() => endGroup(child));
    if (child.stdout === null) throw new Error('the daemon has no standard output');
    const lines = createInterface({ input: child.stdout });
    const [line] = (await Promise.race([once(lines, 'line', { signal: this.#signal }), once(child, 'exit').then(() => [])])) as [string?];
    if (line === undefined) throw new Error('the daemon ended before it could serve');
    const stop = undo.move();
    return { ready: JSON.parse(line) as ReadyLine, [Symbol.asyncDispose]: () => stop.disposeAsync() };
  }
}
