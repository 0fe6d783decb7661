import type { PolicyStatement, ResourcePolicy } from '../../functions/resource-policy.ts';
import { policyDocument } from '../../functions/resource-policy.ts';
import { ApiError } from '../api-error.ts';
import type { PolicyEdit } from '../stores/policy-store.ts';

/** Lambda's quota of a resource policy. */
const maxPolicyBytes = 20_480;

interface ChangeOptions {
  readonly revisionId: string | undefined;
  /** Lambda names it in the 412. */
  readonly reader: 'GetPolicy' | 'GetLayerPolicy';
}

/** Adds a statement; what it throws is Lambda's refusal. */
export function addStatement(statement: PolicyStatement, options: ChangeOptions): PolicyEdit {
  return (current) => {
    checkPolicyRevision(current, options);
    const statements = current?.statements ?? [];
    if (statements.some(({ Sid }) => Sid === statement.Sid)) {
      throw new ApiError(
        'ResourceConflictException',
        `The statement id (${statement.Sid}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
      );
    }
    const changed = [...statements, statement];
    const size = Buffer.byteLength(policyDocument(changed));
    if (size > maxPolicyBytes) {
      throw new ApiError('PolicyLengthExceededException', `The final policy size (${size}) is bigger than the limit (${maxPolicyBytes}).`);
    }
    return changed;
  };
}

/** Removes the statement of an id; what it throws is Lambda's refusal. */
export function removeStatement(statementId: string, options: ChangeOptions): PolicyEdit {
  return (current) => {
    if (current === undefined) throw noPolicy();
    checkPolicyRevision(current, options);
    const changed = current.statements.filter(({ Sid }) => Sid !== statementId);
    if (changed.length === current.statements.length) {
      throw new ApiError('ResourceNotFoundException', `Statement ${statementId} is not found in resource policy.`);
    }
    return changed;
  };
}

export function noPolicy(): ApiError {
  return new ApiError('ResourceNotFoundException', 'No policy is associated with the given resource.');
}

/** A policy has revisions of its own, which are not the function's: what is not there yet has none that could match. */
function checkPolicyRevision(current: ResourcePolicy | undefined, { revisionId, reader }: ChangeOptions): void {
  if (revisionId === undefined || revisionId === current?.revisionId) return;
  throw new ApiError(
    'PreconditionFailedException',
    `The Revision Id provided does not match the latest Revision Id. Call the ${reader} API to retrieve the latest Revision Id`,
  );
}
