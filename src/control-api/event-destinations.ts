import type { DestinationConfig } from '@aws-sdk/client-lambda';
import { latestVersion } from '../functions/arn.ts';
import { type Destination, parseDestination } from '../functions/destination.ts';
import { type ApiError, invalidParameter } from './api-error.ts';
import type { OperationServices } from './operation.ts';
import type { FunctionKey } from './stores/function-store.ts';

/** Checks where records shall go, in Lambda's words; answers the ARNs, absent where none is given. */
export async function checkDestinations(
  services: Pick<OperationServices, 'functions' | 'region' | 'aws'>,
  owner: FunctionKey,
  config: DestinationConfig,
): Promise<{ onSuccess?: string; onFailure?: string }> {
  const onSuccess = given(config.OnSuccess?.Destination);
  const onFailure = given(config.OnFailure?.Destination);
  for (const [arn, mayBeBucket] of [[onFailure, true] as const, [onSuccess, false] as const]) {
    if (arn === undefined) continue;
    const destination = parseDestination(arn);
    // Buckets take records of failures only.
    if (destination === undefined || (destination.service === 's3' && !mayBeBucket)) throw notADestination(config);
    await checkDestination(services, owner, destination);
  }
  return { ...(onSuccess === undefined ? {} : { onSuccess }), ...(onFailure === undefined ? {} : { onFailure }) };
}

async function checkDestination(
  { functions, region, aws }: Pick<OperationServices, 'functions' | 'region' | 'aws'>,
  owner: FunctionKey,
  destination: Destination,
): Promise<void> {
  const { service, arn } = destination;
  const invalid = (reason = '') => invalidParameter(`The destination ARN ${arn} is invalid.${reason}`);
  if (service === 'lambda') {
    const { accountId, functionName } = destination;
    const isHere = accountId === owner.accountId && destination.region === region;
    const found = isHere ? await functions.findForInvoke({ accountId, functionName }, latestVersion) : undefined;
    // A record has no tenant id to be invoked with.
    if (found === undefined || found.tenantIsolationMode !== undefined) throw invalid();
    if (functionName === owner.functionName) throw invalidParameter("You can't specify the function as a destination for itself.");
    return;
  }
  // SECURITY: the keys for queues, topics, buses and buckets are the host's, and open those of every account.
  const isOwn = service === 's3' ? aws.allowsBucket(owner.accountId, destination.bucket) : destination.accountId === owner.accountId;
  if (!isOwn) throw invalid(' It must belong to the account of the function.');
  if (!aws.has(service)) throw invalid(` No endpoint is configured for it on this host (aws.${service}.endpoint of its config.json).`);
}

/** An empty text takes a destination away. */
function given(arn: string | undefined): string | undefined {
  return arn === undefined || arn === '' ? undefined : arn;
}

/** As Java prints the structure, which is how Lambda says it. */
function notADestination({ OnSuccess, OnFailure }: DestinationConfig): ApiError {
  const part = (name: string, value: { Destination?: string | undefined } | undefined) =>
    value === undefined ? 'null' : `${name}(destination=${value.Destination ?? 'null'})`;
  return invalidParameter(
    `The provided destination config DestinationConfig(onSuccess=${part('OnSuccess', OnSuccess)}, onFailure=${part('OnFailure', OnFailure)}) is invalid.`,
  );
}
