import { EventEmitter, once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Hello, Order, Question, Report } from './actor-protocol.ts';
import { patienceMs, RawConnection } from './raw-connection.ts';

/** Where an actor waits for orders, as the host sees it. */
export interface ActorAddress {
  readonly environmentId: string;
  readonly role: string;
  readonly generation: number;
  readonly path: string;
}

/** A port inside the environment on which an actor listens, as a telemetry subscriber does. */
export interface Listener {
  /** The next connection that somebody makes to it. */
  accepted(withinMs?: number): Promise<RawConnection>;
}

/** One process inside an environment, runtime or extension, in the hands of a test. While its environment is frozen it does nothing. */
export class ActorProcess {
  readonly hello: Hello;
  readonly environmentId: string;
  readonly #control: Socket;
  readonly #connections = new Map<number, RawConnection>();
  readonly #accepted = new Map<number, number[]>();
  readonly #signals: { readonly signal: string; readonly atMs: number }[] = [];
  readonly #answers = new Map<number, (report: Extract<Report, { readonly tag: number }>) => void>();
  readonly #changed = new EventEmitter();
  #lastId = 0;
  #isGone = false;

  private constructor(hello: Hello, environmentId: string, control: Socket) {
    this.hello = hello;
    this.environmentId = environmentId;
    this.#control = control;
    this.#changed.setMaxListeners(0);
    control.on('close', () => {
      this.#isGone = true;
      for (const [id, connection] of this.#connections) connection.report({ id, closed: true, error: 'the process ended', atMs: Number.NaN });
      this.#changed.emit('changed');
    });
  }

  static async meet({ path, environmentId }: ActorAddress): Promise<ActorProcess> {
    const control = connect(path);
    control.on('error', () => undefined);
    const lines = createInterface({ input: control });
    // It tells of its input's errors by itself: a killed process resets the connection.
    lines.on('error', () => undefined);
    const [first] = (await once(lines, 'line', { signal: AbortSignal.timeout(patienceMs) })) as [string];
    const { hello } = JSON.parse(first) as Extract<Report, { readonly hello: Hello }>;
    const actor = new ActorProcess(hello, environmentId, control);
    lines.on('line', (line) => actor.#hearLine(line));
    return actor;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** A new connection to the Runtime API, or to any port of the environment's loopback. */
  async connect(port = 9001): Promise<RawConnection> {
    const connection = this.#connection(this.#newId());
    this.#order({ do: 'connect', id: connection.id, port });
    return connection.opened();
  }

  async listen(port: number): Promise<Listener> {
    const listening = this.#connection(this.#newId());
    this.#order({ do: 'listen', id: listening.id, port });
    await listening.opened();
    return {
      accepted: async (withinMs = patienceMs) => {
        const id = await this.#until(`port ${port} was connected to`, () => this.#accepted.get(listening.id)?.shift(), withinMs);
        return this.#connection(id);
      },
    };
  }

  /** Ends every connection it has. */
  closeConnections(): void {
    for (const connection of this.#connections.values()) connection.destroy();
  }

  /** Ends the process itself, by its own doing. */
  exit(status = 0): void {
    this.#order({ do: 'exit', status });
  }

  /** The process sends itself a signal. */
  raise(signal: NodeJS.Signals): void {
    this.#order({ do: 'raise', signal });
  }

  /** What it does on a signal besides telling. An actor ends on SIGTERM if it is not told otherwise. */
  onSignal(signal: NodeJS.Signals, then: 'exit' | 'stay'): void {
    this.#order({ do: 'onSignal', signal, then });
  }

  /** Resolves when it was sent the signal; its own time. */
  async signalled(signal: NodeJS.Signals, withinMs = patienceMs): Promise<number> {
    return this.#until(`${signal} came`, () => this.#signals.find((one) => one.signal === signal)?.atMs, withinMs);
  }

  get signals(): readonly string[] {
    return this.#signals.map(({ signal }) => signal);
  }

  /** Writes to standard output (1) or error (2); resolves when it has been written. */
  async print(text: string, descriptor: 1 | 2 = 1): Promise<void> {
    await this.#answer((tag) => ({ do: 'print', tag, descriptor, text }));
  }

  readFile(path: string): Promise<string> {
    return this.#question('read', { path }) as Promise<string>;
  }

  async writeFile(path: string, text: string): Promise<void> {
    await this.#question('write', { path, text });
  }

  listFiles(path: string): Promise<readonly string[]> {
    return this.#question('files', { path }) as Promise<readonly string[]>;
  }

  /** Its own monotonic clock in milliseconds, by which connections and signals are timed. */
  now(): Promise<number> {
    return this.#question('now', {}) as Promise<number>;
  }

  /** Bytes that were written to a connection and that the kernel has not taken yet. */
  unsentBytes(connection: RawConnection): Promise<number> {
    return this.#question('unsent', { id: connection.id }) as Promise<number>;
  }

  /** Resolves when the process is gone, however it ended. */
  async ended(withinMs = patienceMs): Promise<void> {
    await this.#until('the process ended', () => (this.#isGone ? true : undefined), withinMs);
  }

  /** Leaves the process alone. */
  leave(): void {
    this.#control.destroy();
  }

  #newId(): number {
    // Accepted connections are numbered from their listener's number.
    this.#lastId += 1_000;
    return this.#lastId;
  }

  #connection(id: number): RawConnection {
    const known = this.#connections.get(id);
    if (known !== undefined) return known;
    const connection = new RawConnection(id, (order) => this.#order(order));
    this.#connections.set(id, connection);
    return connection;
  }

  #hearLine(line: string): void {
    // The last line of a process that was killed may be cut.
    if (line.endsWith('}')) this.#hear(JSON.parse(line) as Report);
  }

  #hear(report: Report): void {
    if ('signal' in report) this.#signals.push(report);
    else if ('tag' in report) this.#answers.get(report.tag)?.(report);
    else if ('accepted' in report) this.#accepted.set(report.id, [...(this.#accepted.get(report.id) ?? []), report.accepted]);
    else if ('id' in report) this.#connection(report.id).report(report);
    this.#changed.emit('changed');
  }

  #order(order: Order): void {
    if (!this.#isGone) this.#control.write(`${JSON.stringify(order)}\n`);
  }

  #question(what: Question, more: { readonly path?: string; readonly text?: string; readonly id?: number }): Promise<unknown> {
    return this.#answer((tag) => ({ do: 'ask', tag, what, ...more }));
  }

  async #answer(order: (tag: number) => Order): Promise<unknown> {
    const tag = this.#newId();
    let report: Extract<Report, { readonly tag: number }> | undefined;
    this.#answers.set(tag, (answer) => {
      report = answer;
    });
    this.#order(order(tag));
    const { value, error } = await this.#until('the actor answered', () => report);
    if (error !== undefined) throw new Error(error);
    return value;
  }

  async #until<T>(what: string, look: () => T | undefined, withinMs = patienceMs): Promise<T> {
    const signal = AbortSignal.timeout(withinMs);
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.#isGone) throw new Error(`the process of ${this.hello.role} ended before ${what}`);
      try {
        await once(this.#changed, 'changed', { signal });
      } catch {
        throw new Error(`${withinMs} ms passed before ${what}`);
      }
    }
  }
}
