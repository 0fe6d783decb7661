import { formatFunctionArn, parseFunctionReference, parseLayerReference, parseLayerVersionArn } from '../../functions/arn.ts';
import { type PolicyCaller, policyAllows, type ResourcePolicy } from '../../functions/resource-policy.ts';
import type { BoundInput } from '../bind-input.ts';
import type { OperationServices } from '../operation.ts';
import { operationModels, shapeNamed } from '../service-model.ts';
import { accessDenied, iamAction } from './access-denied.ts';

/**
 * What AWS lets a resource policy allow to other accounts (Lambda developer guide, "Granting Lambda function access to other accounts");
 * every other operation is its owner's alone, whatever a policy says.
 */
const shareable: ReadonlySet<string> = new Set([
  'CreateAlias',
  'DeleteAlias',
  'DeleteFunction',
  'DeleteFunctionConcurrency',
  'DeleteFunctionEventInvokeConfig',
  'DeleteProvisionedConcurrencyConfig',
  'GetAlias',
  'GetFunction',
  'GetFunctionConcurrency',
  'GetFunctionConfiguration',
  'GetFunctionEventInvokeConfig',
  'GetLayerVersion',
  'GetLayerVersionByArn',
  'GetPolicy',
  'GetProvisionedConcurrencyConfig',
  'Invoke',
  'InvokeAsync',
  'InvokeWithResponseStream',
  'ListAliases',
  'ListFunctionEventInvokeConfigs',
  'ListProvisionedConcurrencyConfigs',
  'ListTags',
  'ListVersionsByFunction',
  'PublishVersion',
  'PutFunctionConcurrency',
  'PutFunctionEventInvokeConfig',
  'PutProvisionedConcurrencyConfig',
  'TagResource',
  'UntagResource',
  'UpdateAlias',
  'UpdateFunctionCode',
  'UpdateFunctionEventInvokeConfig',
]);

/** A function, version, alias or layer version of an account that is not the caller's. */
interface ForeignResource {
  readonly accountId: string;
  readonly arn: string;
  readonly findPolicy: () => Promise<ResourcePolicy | undefined>;
}

export interface ResourceRequest {
  readonly operation: string;
  readonly input: BoundInput;
  readonly caller: PolicyCaller;
}

/**
 * The account whose resource a request names: the caller's own, or another's whose policy allows this caller the operation.
 * Throws AccessDeniedException otherwise. SECURITY: the same answer whether the other account has such a resource or not.
 */
export async function resourceOwner(services: Pick<OperationServices, 'region' | 'policies'>, request: ResourceRequest): Promise<string> {
  const { operation, caller } = request;
  const resource = foreignResource(services, request);
  if (resource === undefined) return caller.accountId;
  const policy = shareable.has(operation) ? await resource.findPolicy() : undefined;
  if (policyAllows(policy, { caller, action: iamAction(operation), context: {} })) return resource.accountId;
  throw accessDenied({ user: caller.arn, operation, resource: resource.arn, policy: 'resource' });
}

/** Undefined for the caller's own, and for what names nothing well: the operation itself has the words for that. */
function foreignResource(services: Pick<OperationServices, 'region' | 'policies'>, request: ResourceRequest): ForeignResource | undefined {
  const { input, caller } = request;
  const name = [input['FunctionName'], input['Resource'], input['LayerName'], input['Arn']].find((value) => typeof value === 'string');
  // The warm path of an account's own function ends here: a plain name belongs to the caller.
  if (typeof name !== 'string' || !name.includes(':')) return undefined;
  const resource =
    typeof input['LayerName'] === 'string' || name.includes(':layer:') ? layerNamed(services, name, input) : functionNamed(services, name, request);
  return resource?.accountId === caller.accountId ? undefined : resource;
}

function functionNamed(
  { region, policies }: Pick<OperationServices, 'region' | 'policies'>,
  name: string,
  { operation, input }: Pick<ResourceRequest, 'operation' | 'input'>,
): ForeignResource | undefined {
  const reference = parseFunctionReference(name);
  if (reference?.accountId === undefined || (reference.region ?? region) !== region) return undefined;
  const given = typeof input['Qualifier'] === 'string' ? input['Qualifier'] : undefined;
  const qualifier = given ?? reference.qualifier;
  if (reference.qualifier !== undefined && reference.qualifier !== qualifier) return undefined;
  const { accountId, functionName } = reference;
  // SECURITY: what a version's or an alias's policy allows is never done to the whole function: operations without a qualifier are about that.
  const isMeant = qualifier === undefined || takesQualifier(operation);
  return {
    accountId,
    arn: formatFunctionArn({ region, accountId, functionName, qualifier }),
    findPolicy: async () => (isMeant ? policies.findForFunction({ accountId, functionName, qualifier }) : undefined),
  };
}

function takesQualifier(operation: string): boolean {
  const inputShape = operationModels.get(operation)?.input;
  return inputShape !== undefined && Object.hasOwn(shapeNamed(inputShape).members ?? {}, 'Qualifier');
}

function layerNamed(
  { region, policies }: Pick<OperationServices, 'region' | 'policies'>,
  name: string,
  input: BoundInput,
): ForeignResource | undefined {
  const version = Number(input['VersionNumber'] ?? 0);
  const reference = parseLayerVersionArn(name) ?? { version, ...parseLayerReference(name) };
  const { accountId, layerName } = reference;
  if (accountId === undefined || layerName === undefined || (reference.region ?? region) !== region) return undefined;
  const key = { accountId, layerName, version: reference.version };
  return { accountId, arn: name, findPolicy: () => policies.findForLayer(key) };
}
