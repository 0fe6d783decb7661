import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import type { DemoFunction, Visits } from './demo-functions.ts';

/** What two invocations of one function gave, as its client saw them. */
export interface TwoInvocations {
  readonly name: string;
  readonly runtime: string;
  readonly result: string;
  readonly coldMs: number;
  readonly warmMs: number;
  /** Counters of the second invocation: both are 2 when process and /tmp were used again. */
  readonly reuse: Visits;
}

/** Invokes a function that has no environment yet, then the same function again. */
export async function invokeTwice(client: LambdaClient, demo: DemoFunction, signal: AbortSignal): Promise<TwoInvocations> {
  const cold = await invoke(client, demo, signal);
  const warm = await invoke(client, demo, signal);
  const result = demo.describe(warm.answer as never);
  const { invocationsOfThisProcess, linesInTmp } = warm.answer;
  const first = cold.answer;
  if (first.invocationsOfThisProcess !== 1 || first.linesInTmp !== 1 || invocationsOfThisProcess !== 2 || linesInTmp !== 2) {
    throw new Error(
      `${demo.name} was not served twice by one environment: ${JSON.stringify({ first: visitsOf(first), second: visitsOf(warm.answer) })}`,
    );
  }
  return { name: demo.name, runtime: demo.runtime, result, coldMs: cold.ms, warmMs: warm.ms, reuse: { invocationsOfThisProcess, linesInTmp } };
}

async function invoke(client: LambdaClient, demo: DemoFunction, signal: AbortSignal): Promise<{ readonly answer: Visits; readonly ms: number }> {
  const startedMs = performance.now();
  const answer = await client.send(new InvokeCommand({ FunctionName: demo.name, Payload: Buffer.from(JSON.stringify(demo.event)) }), {
    abortSignal: signal,
  });
  const ms = performance.now() - startedMs;
  const body = Buffer.from(answer.Payload ?? []).toString('utf8');
  if (answer.FunctionError !== undefined) throw new Error(`${demo.name} failed: ${body}`);
  return { answer: JSON.parse(body) as Visits, ms };
}

function visitsOf({ invocationsOfThisProcess, linesInTmp }: Visits): Visits {
  return { invocationsOfThisProcess, linesInTmp };
}
