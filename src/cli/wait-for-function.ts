import { setTimeout as delay } from 'node:timers/promises';
import { type FunctionConfiguration, GetFunctionConfigurationCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { CloisterError } from '../errors.ts';
import { lambdaAnswer } from './lambda-answer.ts';
import { note } from './output.ts';

const pollMs = 100;
const noteAfterMs = 2_000;
const timeoutMs = 180_000;

/** Waits until a function is active and its last update is through; answers its configuration. Rejects with Lambda's reason when either failed. */
export async function waitForFunction(client: LambdaClient, name: string): Promise<FunctionConfiguration> {
  const configuration = await waitUntilSettled(client, name);
  const { State, LastUpdateStatus, StateReason, LastUpdateStatusReason } = configuration;
  if (State === 'Failed') throw failure(name, StateReason);
  if (LastUpdateStatus === 'Failed') throw failure(name, LastUpdateStatusReason);
  return configuration;
}

/** Waits until nothing about a function is under way, however it ended: Lambda refuses an update while another one is. */
export async function waitUntilSettled(client: LambdaClient, name: string): Promise<FunctionConfiguration> {
  const startedMs = performance.now();
  for (let noted = false; ; await delay(pollMs)) {
    const configuration = lambdaAnswer(await client.send(new GetFunctionConfigurationCommand({ FunctionName: name })));
    const { State, LastUpdateStatus } = configuration;
    if (State !== 'Pending' && LastUpdateStatus !== 'InProgress') return configuration;
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs > timeoutMs) throw failure(name, `it is still ${State}, its update ${LastUpdateStatus}, after ${timeoutMs / 1_000} seconds`);
    if (!noted && elapsedMs > noteAfterMs) {
      noted = true;
      note(`waiting for ${name} to become ready …`);
    }
  }
}

function failure(name: string, reason: string | undefined): CloisterError {
  return new CloisterError('Internal', `the function ${name} did not become ready: ${reason ?? 'no reason given'}`, {
    operation: 'wait for function',
  });
}
