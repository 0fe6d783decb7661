import { LambdaClient } from '@aws-sdk/client-lambda';
import type { DaemonLocation } from './daemon-location.ts';

/** Lambda's own client, pointed at the daemon. Nothing is sent twice: an invocation must not run again unasked. */
export function lambdaClient(location: DaemonLocation): LambdaClient {
  return new LambdaClient({
    endpoint: location.endpoint,
    region: location.region,
    credentials: { ...location.credentials },
    maxAttempts: 1,
  });
}
