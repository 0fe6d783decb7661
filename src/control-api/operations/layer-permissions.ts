import type { AddLayerVersionPermissionRequest, GetLayerVersionPolicyRequest, RemoveLayerVersionPermissionRequest } from '@aws-sdk/client-lambda';
import { formatLayerArn } from '../../functions/arn.ts';
import type { PolicyStatement } from '../../functions/resource-policy.ts';
import { policyDocument } from '../../functions/resource-policy.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import type { Operation, OperationServices } from '../operation.ts';
import { addStatement, noPolicy, removeStatement } from '../policies/policy-changes.ts';
import { statementPrincipal } from '../policies/policy-statement.ts';
import type { LayerVersionKey } from '../stores/policy-store.ts';
import { nameLayer } from './layer-versions.ts';

interface LayerVersionRequest {
  readonly accountId: string;
  readonly operation: string;
  readonly layerName: string | undefined;
  readonly version: number | undefined;
}

/** AddLayerVersionPermission: who else may read a layer version and use it in functions. */
export const addLayerVersionPermission: Operation<AddLayerVersionPermissionRequest> = async (services, { input, accountId }) => {
  const { StatementId = '', Action = '', Principal = '', OrganizationId } = input;
  const { key, arn } = await findLayerVersion(services, {
    accountId,
    operation: 'AddLayerVersionPermission',
    layerName: input.LayerName,
    version: input.VersionNumber,
  });
  const statement: PolicyStatement = {
    Sid: StatementId,
    Effect: 'Allow',
    Principal: statementPrincipal(Principal),
    Action,
    Resource: arn,
    ...(OrganizationId === undefined ? {} : { Condition: { StringEquals: { 'aws:PrincipalOrgID': OrganizationId } } }),
  };
  const edit = addStatement(statement, { revisionId: input.RevisionId, reader: 'GetLayerPolicy' });
  const policy = await services.policies.changeForLayer(key, edit);
  return { body: { Statement: JSON.stringify(statement), RevisionId: policy?.revisionId } };
};

/** RemoveLayerVersionPermission. */
export const removeLayerVersionPermission: Operation<RemoveLayerVersionPermissionRequest> = async (services, { input, accountId }) => {
  const { key } = await findLayerVersion(services, {
    accountId,
    operation: 'RemoveLayerVersionPermission',
    layerName: input.LayerName,
    version: input.VersionNumber,
  });
  await services.policies.changeForLayer(key, removeStatement(input.StatementId ?? '', { revisionId: input.RevisionId, reader: 'GetLayerPolicy' }));
  return { status: 204 };
};

/** GetLayerVersionPolicy. */
export const getLayerVersionPolicy: Operation<GetLayerVersionPolicyRequest> = async (services, { input, accountId }) => {
  const { key } = await findLayerVersion(services, {
    accountId,
    operation: 'GetLayerVersionPolicy',
    layerName: input.LayerName,
    version: input.VersionNumber,
  });
  const policy = await services.policies.findForLayer(key);
  if (policy === undefined) throw noPolicy();
  return { body: { Policy: policyDocument(policy.statements), RevisionId: policy.revisionId } };
};

async function findLayerVersion(services: OperationServices, request: LayerVersionRequest): Promise<{ key: LayerVersionKey; arn: string }> {
  const { accountId, operation, version = 0 } = request;
  const layerName = nameLayer(services, { accountId, operation, given: request.layerName });
  if (version < 1) throw invalidParameter('Layer Version Cannot be less than 1');
  const key = { accountId, layerName, version };
  const arn = formatLayerArn({ region: services.region, ...key });
  if ((await services.layers.find(key)) === undefined) throw new ApiError('ResourceNotFoundException', `Layer version ${arn} does not exist.`);
  return { key, arn };
}
