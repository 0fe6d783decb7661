import { setTimeout as delay } from 'node:timers/promises';
import { type FunctionConfiguration, GetFunctionConfigurationCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { CloisterError } from '../errors.ts';
import { note } from './output.ts';

const pollMs = 100;
const noteAfterMs = 2_000;

/** Waits until a function is active and its last update is through; answers its configuration. Rejects with Lambda's reason when either failed. */
export async function waitForFunction(client: LambdaClient, name: string, timeoutMs: number): Promise<FunctionConfiguration> {
  const startedMs = performance.now();
  for (let noted = false; ; await delay(pollMs)) {
    const configuration = functionConfiguration(await client.send(new GetFunctionConfigurationCommand({ FunctionName: name })));
    const { State, LastUpdateStatus, StateReason, LastUpdateStatusReason } = configuration;
    if (State === 'Failed') throw failure(name, StateReason);
    if (LastUpdateStatus === 'Failed') throw failure(name, LastUpdateStatusReason);
    if (State !== 'Pending' && LastUpdateStatus !== 'InProgress') return configuration;
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs > timeoutMs) throw failure(name, `it is still ${State}, its update ${LastUpdateStatus}, after ${timeoutMs / 1_000} seconds`);
    if (!noted && elapsedMs > noteAfterMs) {
      noted = true;
      note(`waiting for ${name} to become ready …`);
    }
  }
}

/** A configuration as Lambda answers it, without what the SDK adds. */
export function functionConfiguration(answer: FunctionConfiguration & { readonly $metadata?: unknown }): FunctionConfiguration {
  const { $metadata: _, ...configuration } = answer;
  return configuration;
}

function failure(name: string, reason: string | undefined): CloisterError {
  return new CloisterError('Internal', `the function ${name} did not become ready: ${reason ?? 'no reason given'}`, { operation: 'deploy' });
}
