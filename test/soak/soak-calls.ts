import {
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  type LambdaClient,
  UpdateFunctionCodeCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { zip } from '../../bench/zip.ts';
import type { AnswerJudge, CallOutcome } from './answer-judge.ts';
import type { SeededRandom } from './seeded-random.ts';
import { type SoakFunction, soakFunctions } from './soak-functions.ts';

/** One account as the soak calls it. */
export interface SoakAccount {
  readonly id: string;
  lambda: LambdaClient;
  /** The newest build of each function that an answered update has put in place, and the newest that was begun. */
  readonly builds: Map<string, { placed: number; begun: number }>;
  isUpdating: boolean;
}

interface Answer {
  readonly token: string;
  readonly account: string;
  readonly build: number;
  readonly birth: string;
  readonly count: number;
  readonly echo: unknown;
}

type Failure = NonNullable<CallOutcome['failure']>;

/** As InvokeComplete tells it; before anything was streamed the same text is the payload, too. */
type StreamFailure = Failure & { readonly details: string };

interface Call {
  readonly account: SoakAccount;
  readonly functionName: string;
  readonly what: string;
  readonly event: Readonly<Record<string, unknown>>;
  /** How a failure of the function's own looks, where the event asks for one. */
  readonly failure?: (failure: Failure) => boolean;
}

const regularTypes: readonly (readonly [what: string, weight: number])[] = [
  ['echo', 30],
  ['large', 4],
  ['print', 6],
  ['wait', 10],
  ['throw', 6],
  ['exit', 4],
  ['time out', 3],
  ['stream', 12],
  ['stream that fails', 4],
  ['update', 2],
];

/** The calls of the mixed load, each judged as it ends. */
export class SoakCalls {
  readonly #judge: AnswerJudge;
  readonly #random: SeededRandom;
  /** Whose a process was when it answered first. */
  readonly #owners = new Map<string, string>();
  #serial = 0;

  constructor(judge: AnswerJudge, random: SeededRandom) {
    this.#judge = judge;
    this.#random = random;
  }

  /** Processes that have answered so far. */
  get processes(): number {
    return this.#owners.size;
  }

  async one(account: SoakAccount): Promise<void> {
    const what = this.#pickType();
    const token = `${account.id}-${++this.#serial}`;
    const named = (functionName: string, event: object = {}) => ({ account, functionName, what, event: { token, ...event } });
    const either = this.#random.pick(['node', 'python']);
    switch (what) {
      case 'echo':
        return this.#sync(named(either, { echo: { n: this.#serial, text: 'Grüße' } }));
      case 'large':
        return this.#sync(named(either, { echo: 'z'.repeat(this.#random.between(1, 2_000_000)) }));
      case 'print':
        return this.#sync(named(either, { do: 'print', bytes: this.#random.between(1, 50_000) }));
      case 'wait':
        return this.#sync(named(either, { waitMs: this.#random.between(1, 400) }));
      case 'throw': {
        const errorType = either === 'node' ? 'RangeError' : 'IndexError';
        return this.#sync({ ...named(either, { do: 'throw' }), failure: (one) => one.errorType === errorType && one.errorMessage === token });
      }
      case 'exit': {
        const status = this.#random.between(1, 100);
        const ending = `Runtime exited with error: exit status ${status}`;
        const failure = (one: Failure) => one.errorType === 'Runtime.ExitError' && one.errorMessage.endsWith(ending);
        return this.#sync({ ...named(either, { do: 'exit', status }), failure });
      }
      case 'time out': {
        const failure = (one: Failure) => one.errorType === 'Sandbox.Timedout' && one.errorMessage.endsWith('Task timed out after 2.00 seconds');
        return this.#sync({ ...named('brief', { do: 'hang' }), failure });
      }
      case 'stream':
        return this.#stream(
          named('stream', { parts: this.#random.between(1, 40), bytes: this.#random.between(1, 20_000), waitMs: this.#random.between(0, 5) }),
        );
      case 'stream that fails':
        return this.#stream(named('stream', { parts: 10, bytes: 2_000, failAt: this.#random.between(0, 9) }));
      default:
        return this.#update(account, this.#random.pick(soakFunctions));
    }
  }

  #pickType(): string {
    let left = this.#random.next() * regularTypes.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [what, weight] of regularTypes) {
      left -= weight;
      if (left < 0) return what;
    }
    return 'echo';
  }

  async #sync(call: Call): Promise<void> {
    const startedMs = performance.now();
    const { placed } = this.#buildsOf(call);
    try {
      const command = new InvokeCommand({ FunctionName: call.functionName, Payload: JSON.stringify(call.event) });
      const { Payload, FunctionError } = await call.account.lambda.send(command);
      const value = JSON.parse(Buffer.from(Payload ?? []).toString()) as unknown;
      if (FunctionError === undefined) this.#checkAnswer(call, value as Answer, placed);
      else this.#checkFailure(call, value as Failure, startedMs);
    } catch (error) {
      this.#refused(call, error, startedMs);
    }
  }

  async #stream(call: Call): Promise<void> {
    const startedMs = performance.now();
    const { placed } = this.#buildsOf(call);
    const parts: Buffer[] = [];
    let failure: StreamFailure | undefined;
    try {
      const command = new InvokeWithResponseStreamCommand({ FunctionName: call.functionName, Payload: JSON.stringify(call.event) });
      const { EventStream = [] } = await call.account.lambda.send(command);
      let isComplete = false;
      for await (const { PayloadChunk, InvokeComplete } of EventStream) {
        if (PayloadChunk?.Payload !== undefined) parts.push(Buffer.from(PayloadChunk.Payload));
        if (InvokeComplete === undefined) continue;
        isComplete = true;
        if (InvokeComplete.ErrorCode !== undefined) failure = failureOf(InvokeComplete.ErrorDetails ?? '', InvokeComplete.ErrorCode);
      }
      if (!isComplete) throw new Error('the stream ended without InvokeComplete');
    } catch (error) {
      this.#refused(call, error, startedMs);
      return;
    }
    this.#checkStream(call, { text: Buffer.concat(parts).toString(), failure, placed, startedMs });
  }

  #checkStream(
    call: Call,
    { text, failure, placed, startedMs }: { text: string; failure: StreamFailure | undefined; placed: number; startedMs: number },
  ): void {
    const { token, parts, bytes, failAt } = call.event as { token: string; parts: number; bytes: number; failAt?: number };
    const whole = Array.from({ length: failAt === undefined ? parts : failAt + 1 }, (_, part) => `${token}:${part}:${'y'.repeat(bytes)}\n`).join('');
    if (failure === undefined && failAt === undefined && text.startsWith(whole)) {
      this.#checkAnswer(call, JSON.parse(text.slice(whole.length)) as Answer, placed);
    } else if (failure !== undefined && whole.startsWith(text) && failAt !== undefined && isOwnFailure(failure, token)) {
      this.#judge.right(call.what);
    } else if (failure !== undefined && (whole.startsWith(text.slice(0, whole.length)) || text === failure.details)) {
      this.#judge.failed({ ...outcomeOf(call, startedMs), failure });
    } else {
      this.#judge.wrong(`${call.what} of ${call.account.id}: ${text.length} bytes that are not what was written, ${JSON.stringify(failure)}`);
    }
  }

  #checkAnswer(call: Call, answer: Answer, placed: number): void {
    const { account, functionName, what, event } = call;
    const { begun } = this.#buildsOf(call);
    const owner = `${account.id}/${functionName}/${answer.build}`;
    const known = this.#owners.get(answer.birth) ?? owner;
    this.#owners.set(answer.birth, owner);
    const faults = [
      call.failure === undefined ? '' : 'a failure was asked for',
      answer.token === event['token'] ? '' : `the token of another event, ${answer.token}`,
      answer.account === account.id ? '' : `another account's code, ${answer.account}`,
      answer.build >= placed && answer.build <= begun ? '' : `build ${answer.build}, not one of ${placed} to ${begun}`,
      known === owner ? '' : `a process that was ${known} before`,
      JSON.stringify(answer.echo ?? null) === JSON.stringify(event['echo'] ?? null) ? '' : 'another echo',
    ].filter(Boolean);
    if (faults.length === 0) this.#judge.right(what);
    else this.#judge.wrong(`${what} of ${owner}: ${faults.join('; ')}`);
  }

  #checkFailure(call: Call, failure: Failure, startedMs: number): void {
    if (call.failure?.(failure) === true) this.#judge.right(call.what);
    else this.#judge.failed({ ...outcomeOf(call, startedMs), failure });
  }

  #refused(call: Omit<Call, 'event'>, error: unknown, startedMs: number): void {
    const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    this.#judge.failed({ ...outcomeOf(call, startedMs), refusal: { name, message, status: $metadata?.httpStatusCode } });
  }

  /** One update of an account at a time; callers go on meanwhile, and are answered by the old build or the new one. */
  async #update(account: SoakAccount, fn: SoakFunction): Promise<void> {
    if (account.isUpdating) return;
    account.isUpdating = true;
    const startedMs = performance.now();
    const builds = this.#buildsOf({ account, functionName: fn.name });
    builds.begun += 1;
    const build = builds.begun;
    try {
      await account.lambda.send(new UpdateFunctionCodeCommand({ FunctionName: fn.name, ZipFile: await zip(fn.files(account.id, build)) }));
      await waitUntilFunctionUpdatedV2({ client: account.lambda, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { FunctionName: fn.name });
      builds.placed = build;
      this.#judge.right('update');
    } catch (error) {
      this.#refused({ account, functionName: fn.name, what: 'update' }, error, startedMs);
    } finally {
      account.isUpdating = false;
    }
  }

  #buildsOf({ account, functionName }: Pick<Call, 'account' | 'functionName'>): { placed: number; begun: number } {
    const builds = account.builds.get(functionName) ?? { placed: 0, begun: 0 };
    account.builds.set(functionName, builds);
    return builds;
  }
}

/** Details are the function's error as it would be answered whole; the function may have written none. */
function failureOf(details: string, code: string): StreamFailure {
  try {
    return { ...(JSON.parse(details) as Failure), details };
  } catch {
    return { errorType: code, errorMessage: details, details };
  }
}

function isOwnFailure({ errorType, errorMessage }: Failure, token: string): boolean {
  return /RangeError|Unhandled|Function/.test(errorType) && errorMessage.includes(token);
}

function outcomeOf({ account, functionName, what }: Omit<Call, 'event'>, startedMs: number): CallOutcome {
  return { account: account.id, functionName, what, startedMs, endedMs: performance.now() };
}
