import type { AddPermissionRequest } from '@aws-sdk/client-lambda';
import type { PolicyConditions, PolicyStatement } from '../../functions/resource-policy.ts';
import { invalidParameter } from '../api-error.ts';
import { operationModels } from '../service-model.ts';
import { iamAction } from './access-denied.ts';

const accountPattern = /^\d{12}$/;
const iamPattern = /^arn:aws[a-zA-Z-]*:iam::\d{12}:(?:root|(?:user|role)\/[\w+=,.@/-]{1,512})$/;
const sessionPattern = /^arn:aws[a-zA-Z-]*:sts::\d{12}:(?:assumed-role|federated-user)\/[\w+=,.@/-]{1,512}$/;
const servicePattern = /^[a-z0-9-]+(?:\.[a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?$/;

/** Actions that are not named as an operation of the service model. */
const furtherActions = ['lambda:*', '*', 'lambda:InvokeFunctionUrl'];
const knownActions: ReadonlySet<string> = new Set([...operationModels.keys()].map(iamAction).concat(furtherActions));

/** The statement that AddPermission asks for, as Lambda writes it. Throws Lambda's InvalidParameterValueException. */
export function permissionStatement(input: AddPermissionRequest, resource: string): PolicyStatement {
  const { StatementId = '', Action = '', Principal = '' } = input;
  if (!knownActions.has(Action)) throw invalidParameter('The provided action was invalid. Please check the action and try again.');
  if (input.FunctionUrlAuthType !== undefined && Action !== 'lambda:InvokeFunctionUrl') {
    throw invalidParameter('FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action');
  }
  if (input.InvokedViaFunctionUrl !== undefined && Action !== 'lambda:InvokeFunction') {
    throw invalidParameter('InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action');
  }
  const conditions = conditionsOf(input);
  return {
    Sid: StatementId,
    Effect: 'Allow',
    Principal: statementPrincipal(Principal),
    Action,
    Resource: resource,
    ...(Object.keys(conditions).length === 0 ? {} : { Condition: conditions }),
  };
}

/** Throws when it is neither `*`, nor an account, nor an ARN of one, nor a service. */
export function statementPrincipal(principal: string): PolicyStatement['Principal'] {
  if (principal === '*') return '*';
  if (accountPattern.test(principal)) return { AWS: `arn:aws:iam::${principal}:root` };
  if (iamPattern.test(principal) || sessionPattern.test(principal)) return { AWS: principal };
  if (servicePattern.test(principal)) return { Service: principal };
  throw invalidParameter('The provided principal was invalid. Please check the principal and try again.');
}

function conditionsOf(input: AddPermissionRequest): PolicyConditions {
  const equal = defined({
    'AWS:SourceAccount': input.SourceAccount,
    'lambda:FunctionUrlAuthType': input.FunctionUrlAuthType,
    'aws:PrincipalOrgID': input.PrincipalOrgID,
    'lambda:EventSourceToken': input.EventSourceToken,
  });
  const like = defined({ 'AWS:SourceArn': input.SourceArn });
  const bool = defined({ 'lambda:InvokedViaFunctionUrl': input.InvokedViaFunctionUrl?.toString() });
  return Object.fromEntries(Object.entries({ StringEquals: equal, ArnLike: like, Bool: bool }).filter(([, keys]) => Object.keys(keys).length > 0));
}

function defined(values: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
