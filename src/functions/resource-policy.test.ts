import { describe, expect, it } from 'vitest';
import { type PolicyQuestion, type PolicyStatement, policyAllows } from './resource-policy.ts';

const root = { accountId: '210987654321', arn: 'arn:aws:iam::210987654321:root' };
const user = { accountId: '210987654321', arn: 'arn:aws:iam::210987654321:user/ann' };

function allows(statement: Partial<PolicyStatement>, question: Partial<PolicyQuestion> = {}): boolean {
  const whole: PolicyStatement = { Sid: 's', Effect: 'Allow', Principal: '*', Action: 'lambda:InvokeFunction', Resource: 'arn', ...statement };
  return policyAllows({ revisionId: 'r', statements: [whole] }, { caller: root, action: 'lambda:InvokeFunction', context: {}, ...question });
}

describe('policyAllows()', () => {
  it('refuses without a policy and without a statement', () => {
    expect(policyAllows(undefined, { caller: root, action: 'lambda:InvokeFunction', context: {} })).toBe(false);
    expect(policyAllows({ revisionId: 'r', statements: [] }, { caller: root, action: 'lambda:InvokeFunction', context: {} })).toBe(false);
  });

  it.each([
    ['lambda:InvokeFunction', true],
    ['lambda:invokefunction', true],
    ['lambda:*', true],
    ['*', true],
    ['lambda:GetFunction', false],
    ['lambda:InvokeFunctionUrl', false],
  ])('compares the action: %s', (Action, expected) => {
    expect(allows({ Action })).toBe(expected);
  });

  it.each<[string, PolicyStatement['Principal'], typeof root | 'anonymous', boolean]>([
    ['everybody, of an account', '*', root, true],
    ['everybody, of nobody', '*', 'anonymous', true],
    ['the account, of its root', { AWS: root.arn }, root, true],
    ['the account, of its user', { AWS: root.arn }, user, true],
    ['the account, of nobody', { AWS: root.arn }, 'anonymous', false],
    ['another account', { AWS: 'arn:aws:iam::111111111111:root' }, root, false],
    ['a user, of that user', { AWS: user.arn }, user, true],
    ['a user, of another of the account', { AWS: user.arn }, root, false],
    ['a service', { Service: 's3.amazonaws.com' }, root, false],
  ])('compares the principal: %s', (_name, Principal, caller, expected) => {
    expect(allows({ Principal }, { caller })).toBe(expected);
  });

  it('takes a condition whose key the request has not for false', () => {
    for (const Condition of [
      { StringEquals: { 'AWS:SourceAccount': '210987654321' } },
      { StringEquals: { 'aws:PrincipalOrgID': 'o-1234567890' } },
      { ArnLike: { 'AWS:SourceArn': '*' } },
      { Bool: { 'lambda:InvokedViaFunctionUrl': 'true' } },
    ]) {
      expect(allows({ Condition })).toBe(false);
    }
  });

  it('holds every condition, and knows no operator that Lambda does not write', () => {
    const context = { 'lambda:functionurlauthtype': 'NONE', 'aws:sourceaccount': '1' };
    expect(allows({ Condition: { StringEquals: { 'lambda:FunctionUrlAuthType': 'NONE' } } }, { context })).toBe(true);
    expect(allows({ Condition: { StringEquals: { 'lambda:FunctionUrlAuthType': 'AWS_IAM' } } }, { context })).toBe(false);
    expect(allows({ Condition: { StringEquals: { 'lambda:FunctionUrlAuthType': 'NONE', 'AWS:SourceAccount': '2' } } }, { context })).toBe(false);
    expect(allows({ Condition: { StringLike: { 'lambda:FunctionUrlAuthType': '*' } } }, { context })).toBe(false);
  });

  it.each([
    ['arn:aws:s3:::bucket', 'arn:aws:s3:::bucket', true],
    ['arn:aws:s3:::buck*', 'arn:aws:s3:::bucket', true],
    ['arn:aws:s3:::b?cket', 'arn:aws:s3:::bucket', true],
    ['arn:aws:s3:::b?ket', 'arn:aws:s3:::bucket', false],
    ['arn:aws:*:::bucket', 'arn:aws:s3:::bucket', true],
    ['arn:*:bucket', 'arn:aws:s3:::bucket', false],
    ['arn:aws:execute-api:us-east-1:1:api/*/GET/a', 'arn:aws:execute-api:us-east-1:1:api/prod/x/GET/a', true],
    ['arn:aws:logs:us-east-1:1:log-group:*', 'arn:aws:logs:us-east-1:1:log-group:a:b', true],
  ])('ArnLike: %s and %s', (pattern, given, expected) => {
    expect(allows({ Condition: { ArnLike: { 'AWS:SourceArn': pattern } } }, { context: { 'aws:sourcearn': given } })).toBe(expected);
  });

  it('compares a pattern of many wildcards without running away', () => {
    const pattern = `arn:aws:s3:::${'*a'.repeat(2_000)}b`;
    expect(
      allows({ Condition: { ArnLike: { 'AWS:SourceArn': pattern } } }, { context: { 'aws:sourcearn': `arn:aws:s3:::${'a'.repeat(4_000)}` } }),
    ).toBe(false);
  });
});
