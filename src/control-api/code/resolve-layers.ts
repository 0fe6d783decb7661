import { formatLayerArn, type LayerVersionReference, parseLayerVersionArn } from '../../functions/arn.ts';
import type { CodeArtifact, ConfiguredLayer } from '../../functions/function-record.ts';
import type { PolicyCaller } from '../../functions/resource-policy.ts';
import { policyAllows } from '../../functions/resource-policy.ts';
import { invalidParameter } from '../api-error.ts';
import type { OperationServices } from '../operation.ts';
import { accessDenied } from '../policies/access-denied.ts';

/**
 * The layers of a configuration, in its order. Those of other accounts must be allowed by their policy, and get an image of this account's own.
 * ORDER: inside `services.code.hold()`, until the configuration is stored.
 */
export async function resolveLayers(
  services: OperationServices,
  options: { accountId: string; caller: PolicyCaller; arns: readonly string[] },
): Promise<readonly ConfiguredLayer[]> {
  const { limits } = services;
  const { accountId, caller, arns } = options;
  if (arns.length > limits.maxLayers) throw invalidParameter(`Cannot reference more than ${limits.maxLayers} layers.`);
  const seen = new Map<string, string>();
  const found: { readonly arn: string; readonly owner: string; readonly code: CodeArtifact }[] = [];
  for (const arn of arns) {
    const reference = parseLayerVersionArn(arn);
    if (reference === undefined) throw notThere(arn);
    if (reference.accountId !== accountId) await checkAllowed(services, { caller, arn, reference });
    const layer = reference.region === services.region ? await services.layers.find(reference) : undefined;
    if (layer === undefined) throw notThere(arn);
    const name = formatLayerArn({ ...reference, version: undefined });
    const other = seen.get(name);
    if (other !== undefined) {
      throw invalidParameter(
        `Two different versions of the same layer are not allowed to be referenced in the same function. ${other} and ${arn} are versions of the same layer.`,
      );
    }
    seen.set(name, arn);
    found.push({ arn: formatLayerArn(reference), owner: reference.accountId, code: layer.code });
  }
  const layers: ConfiguredLayer[] = [];
  // ORDER: what takes time and makes files comes after everything that can refuse the request.
  for (const { arn, owner, code } of found) {
    const own = owner === accountId ? code : await services.code.adopt({ accountId: owner, code }, accountId);
    if (own === undefined) throw notThere(arn);
    layers.push({ arn, accountId, digest: own.imageDigest, codeSizeBytes: own.archiveBytes, unpackedBytes: own.unpackedBytes });
  }
  return layers;
}

/** SECURITY: the same answer whether the other account has such a layer or not. */
async function checkAllowed(
  services: OperationServices,
  { caller, arn, reference }: { caller: PolicyCaller; arn: string; reference: LayerVersionReference },
): Promise<void> {
  const policy = reference.region === services.region ? await services.policies.findForLayer(reference) : undefined;
  if (policyAllows(policy, { caller, action: 'lambda:GetLayerVersion', context: {} })) return;
  throw accessDenied({ user: caller.arn, operation: 'GetLayerVersion', resource: arn, policy: 'resource' });
}

function notThere(arn: string) {
  return invalidParameter(`Layer version ${arn} does not exist.`);
}
