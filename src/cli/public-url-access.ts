import {
  AddPermissionCommand,
  type AddPermissionRequest,
  type LambdaClient,
  RemovePermissionCommand,
  ResourceConflictException,
  ResourceNotFoundException,
} from '@aws-sdk/client-lambda';

/** A function, and the alias of it whose URL is meant. */
export interface UrlOwner {
  readonly FunctionName: string;
  readonly Qualifier?: string;
}

/** Lambda lets nobody call a URL of auth type NONE until the function's policy says so twice: for the URL, and for the invocation behind it. */
const publicAccess: readonly Pick<AddPermissionRequest, 'StatementId' | 'Action' | 'FunctionUrlAuthType' | 'InvokedViaFunctionUrl'>[] = [
  { StatementId: 'FunctionURLAllowPublicAccess', Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'NONE' },
  { StatementId: 'FunctionURLInvokeAllowPublicAccess', Action: 'lambda:InvokeFunction', InvokedViaFunctionUrl: true },
];

/** Lets everybody call the URL. Nothing changes where that is so already. */
export async function grantPublicAccess(client: LambdaClient, owner: UrlOwner): Promise<void> {
  for (const statement of publicAccess) {
    await unless(ResourceConflictException, client.send(new AddPermissionCommand({ ...owner, ...statement, Principal: '*' })));
  }
}

/** Takes back what grantPublicAccess() gave; permissions of other ids stay. */
export async function revokePublicAccess(client: LambdaClient, owner: UrlOwner): Promise<void> {
  for (const { StatementId } of publicAccess) {
    await unless(ResourceNotFoundException, client.send(new RemovePermissionCommand({ ...owner, StatementId })));
  }
}

async function unless(expected: abstract new (...args: never[]) => Error, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof expected)) throw error;
  }
}
