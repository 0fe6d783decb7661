import { ApiError } from '../api-error.ts';

/** IAM's action is named as the operation, but for these. */
const iamNames: Readonly<Record<string, string>> = {
  Invoke: 'InvokeFunction',
  InvokeAsync: 'InvokeFunction',
  InvokeWithResponseStream: 'InvokeFunction',
  GetLayerVersionByArn: 'GetLayerVersion',
};

/** What policies call an operation. */
export function iamAction(operation: string): string {
  return `lambda:${iamNames[operation] ?? operation}`;
}

/** AWS's refusal for a caller whose policies do not allow an operation. */
export function accessDenied(options: { user: string; operation: string; resource: string; policy: 'identity' | 'resource' }): ApiError {
  const action = iamAction(options.operation);
  return new ApiError(
    'AccessDeniedException',
    `User: ${options.user} is not authorized to perform: ${action} on resource: ${options.resource} because no ${options.policy}-based policy allows the ${action} action`,
  );
}
