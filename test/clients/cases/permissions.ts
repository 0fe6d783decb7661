import { expect } from 'vitest';
import type { ClientCase, Expectation, Step } from '../client-case.ts';
import { createsFunction } from '../client-case.ts';

const recordings = 'recorded answers, LocalStack test_lambda_api.snapshot.json';
const noRevision = '00000000-0000-4000-8000-000000000000';
const s3Permission = { StatementId: 's3', Action: 'lambda:InvokeFunction', Principal: 's3.amazonaws.com' };
const addsPermission: Step = { operation: 'AddPermission', input: ({ name }) => ({ FunctionName: name, ...s3Permission }) };
const publishesLayer: Step = { operation: 'PublishLayerVersion', input: ({ name, zips }) => ({ LayerName: name, Content: { ZipFile: zips.layer } }) };
const layerPermission = { VersionNumber: 1, StatementId: 's1', Action: 'lambda:GetLayerVersion', Principal: '*' };
const addsLayerPermission: Step = {
  operation: 'AddLayerVersionPermission',
  input: ({ name }) => ({ LayerName: name, ...layerPermission }),
  save: 'allowed',
};
const notThere: Expectation = { error: { code: 'ResourceNotFoundException', status: 404, message: 'The resource you requested does not exist.' } };
const duplicate = (id: string): Expectation => ({
  error: {
    code: 'ResourceConflictException',
    status: 409,
    message: `The statement id (${id}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
  },
});
const noStatement: Expectation = {
  error: { code: 'ResourceNotFoundException', status: 404, message: 'Statement nosuch is not found in resource policy.' },
};

/** Resource policies of functions and layers. */
export const permissionCases: readonly ClientCase[] = [
  {
    rule: 'the statement comes back as it stands in the policy',
    source: recordings,
    operation: 'AddPermission',
    before: [createsFunction()],
    input: ({ name }) => ({ FunctionName: name, ...s3Permission, SourceArn: 'arn:aws:s3:::bucket' }),
    expect: {
      answer: ({ functionArn, name }) => ({
        Statement: JSON.stringify({
          Sid: 's3',
          Effect: 'Allow',
          Principal: { Service: 's3.amazonaws.com' },
          Action: 'lambda:InvokeFunction',
          Resource: functionArn(name),
          Condition: { ArnLike: { 'AWS:SourceArn': 'arn:aws:s3:::bucket' } },
        }),
      }),
    },
  },
  {
    rule: 'a statement id is given once',
    source: recordings,
    operation: 'AddPermission',
    before: [createsFunction(), addsPermission],
    input: ({ name }) => ({ FunctionName: name, ...s3Permission }),
    expect: duplicate('s3'),
  },
  {
    rule: '$LATEST has no policy of its own',
    source: recordings,
    operation: 'AddPermission',
    input: ({ shared }) => ({ FunctionName: shared, Qualifier: '$LATEST', ...s3Permission }),
    expect: {
      error: { code: 'InvalidParameterValueException', status: 400, message: 'We currently do not support adding policies for $LATEST.' },
    },
  },
  {
    rule: 'a principal is an account, a service or an ARN',
    source: recordings,
    operation: 'AddPermission',
    input: ({ shared }) => ({ FunctionName: shared, ...s3Permission, Principal: 'invalid.nonaws.com' }),
    expect: {
      error: {
        code: 'InvalidParameterValueException',
        status: 400,
        message: 'The provided principal was invalid. Please check the principal and try again.',
      },
    },
  },
  {
    rule: 'a statement id has letters, digits, dashes and underscores',
    source: recordings,
    operation: 'AddPermission',
    input: ({ shared }) => ({ FunctionName: shared, ...s3Permission, StatementId: 'example.com' }),
    expect: {
      error: {
        code: 'ValidationException',
        status: 400,
        message:
          "1 validation error detected: Value 'example.com' at 'statementId' failed to satisfy constraint: Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)",
      },
    },
  },
  {
    rule: 'an alias that is not there has no policy',
    source: recordings,
    operation: 'AddPermission',
    input: ({ shared }) => ({ FunctionName: shared, Qualifier: 'alias-doesnotexist', ...s3Permission }),
    expect: {
      error: {
        code: 'ResourceNotFoundException',
        status: 404,
        message: ({ functionArn, shared }) => `Cannot find alias arn: ${functionArn(shared, 'alias-doesnotexist')}`,
      },
    },
  },
  {
    rule: 'a version that is not there has no policy',
    source: recordings,
    operation: 'AddPermission',
    input: ({ shared }) => ({ FunctionName: shared, Qualifier: '42', ...s3Permission }),
    expect: {
      error: {
        code: 'ResourceNotFoundException',
        status: 404,
        message: ({ functionArn, shared }) => `Function not found: ${functionArn(shared, '42')}`,
      },
    },
  },
  {
    rule: 'a policy of a stale RevisionId is not changed',
    source: recordings,
    operation: 'AddPermission',
    before: [createsFunction(), addsPermission],
    input: ({ name }) => ({ FunctionName: name, ...s3Permission, StatementId: 's4', RevisionId: noRevision }),
    expect: {
      error: {
        code: 'PreconditionFailedException',
        status: 412,
        message: 'The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id',
      },
    },
  },
  {
    rule: 'the policy is a document with every statement in its order',
    source: recordings,
    operation: 'GetPolicy',
    before: [
      createsFunction(),
      addsPermission,
      { operation: 'AddPermission', input: ({ name }) => ({ FunctionName: name, ...s3Permission, StatementId: 'two' }) },
    ],
    input: ({ name }) => ({ FunctionName: name }),
    expect: {
      answer: {
        Policy: expect.stringMatching(/^\{"Version":"2012-10-17","Id":"default","Statement":\[\{"Sid":"s3",.*\},\{"Sid":"two",.*\}\]\}$/),
        RevisionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      },
    },
  },
  {
    rule: 'a function without permissions has no policy',
    source: recordings,
    operation: 'GetPolicy',
    input: ({ shared }) => ({ FunctionName: shared }),
    expect: notThere,
  },
  {
    rule: 'the policy goes with its last statement',
    source: recordings,
    operation: 'RemovePermission',
    before: [createsFunction(), addsPermission],
    input: ({ name }) => ({ FunctionName: name, StatementId: 's3' }),
    expect: { answer: {} },
    after: [{ operation: 'GetPolicy', input: ({ name }) => ({ FunctionName: name }), expect: notThere }],
  },
  {
    rule: 'a statement that is not there is named',
    source: recordings,
    operation: 'RemovePermission',
    before: [createsFunction(), addsPermission],
    input: ({ name }) => ({ FunctionName: name, StatementId: 'nosuch' }),
    expect: noStatement,
  },
  {
    rule: 'a function without a policy has nothing to remove',
    source: recordings,
    operation: 'RemovePermission',
    input: ({ shared }) => ({ FunctionName: shared, StatementId: 'nosuch' }),
    expect: { error: { code: 'ResourceNotFoundException', status: 404, message: 'No policy is associated with the given resource.' } },
  },
  {
    rule: 'another account may invoke what a permission lets it',
    source: 'AWS Lambda Developer Guide, granting function access to other accounts',
    operation: 'Invoke',
    before: [
      createsFunction(),
      {
        operation: 'AddPermission',
        input: ({ name, otherAccountId }) => ({ FunctionName: name, StatementId: 'x', Action: 'lambda:InvokeFunction', Principal: otherAccountId }),
      },
    ],
    as: 'other',
    input: ({ functionArn, name }) => ({ FunctionName: functionArn(name), InvocationType: 'DryRun' }),
    expect: { answer: { StatusCode: 204 } },
    after: [
      {
        operation: 'DeleteFunction',
        as: 'other',
        input: ({ functionArn, name }) => ({ FunctionName: functionArn(name) }),
        expect: {
          error: { code: 'AccessDeniedException', status: 403, message: /is not authorized to perform: lambda:DeleteFunction on resource: / },
        },
      },
    ],
  },
  {
    rule: 'a layer’s statement comes back with the policy’s RevisionId',
    source: recordings,
    operation: 'AddLayerVersionPermission',
    before: [publishesLayer],
    input: ({ name }) => ({ LayerName: name, ...layerPermission }),
    expect: {
      answer: ({ layerArn, name }) => ({
        Statement: JSON.stringify({ Sid: 's1', Effect: 'Allow', Principal: '*', Action: 'lambda:GetLayerVersion', Resource: layerArn(name, 1) }),
        RevisionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      }),
    },
  },
  {
    rule: 'a layer’s statement id is given once',
    source: recordings,
    operation: 'AddLayerVersionPermission',
    before: [publishesLayer, addsLayerPermission],
    input: ({ name }) => ({ LayerName: name, ...layerPermission }),
    expect: duplicate('s1'),
  },
  {
    rule: 'a layer’s policy of a stale RevisionId is not changed',
    source: recordings,
    operation: 'AddLayerVersionPermission',
    before: [publishesLayer, addsLayerPermission],
    input: ({ name }) => ({ LayerName: name, ...layerPermission, StatementId: 's2', RevisionId: noRevision }),
    expect: {
      error: {
        code: 'PreconditionFailedException',
        status: 412,
        message: 'The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve the latest Revision Id',
      },
    },
  },
  {
    rule: 'a layer version that is not there has no policy',
    source: recordings,
    operation: 'AddLayerVersionPermission',
    input: ({ name }) => ({ LayerName: name, ...layerPermission }),
    expect: {
      error: {
        code: 'ResourceNotFoundException',
        status: 404,
        message: ({ layerArn, name }) => `Layer version ${layerArn(name, 1)} does not exist.`,
      },
    },
  },
  {
    rule: 'only GetLayerVersion can be allowed',
    source: recordings,
    operation: 'AddLayerVersionPermission',
    input: ({ name }) => ({ LayerName: name, ...layerPermission, Action: '*' }),
    expect: {
      error: {
        code: 'ValidationException',
        status: 400,
        message:
          "1 validation error detected: Value '*' at 'action' failed to satisfy constraint: Member must satisfy regular expression pattern: lambda:GetLayerVersion",
      },
    },
  },
  {
    rule: 'a layer’s policy is read with the RevisionId that the change told',
    source: recordings,
    operation: 'GetLayerVersionPolicy',
    before: [publishesLayer, addsLayerPermission],
    input: ({ name }) => ({ LayerName: name, VersionNumber: 1 }),
    expect: {
      answer: ({ saved }) => ({
        Policy: `{"Version":"2012-10-17","Id":"default","Statement":[${saved('allowed')['Statement']}]}`,
        RevisionId: saved('allowed')['RevisionId'],
      }),
    },
  },
  {
    rule: 'a layer without permissions has no policy',
    source: recordings,
    operation: 'GetLayerVersionPolicy',
    before: [publishesLayer],
    input: ({ name }) => ({ LayerName: name, VersionNumber: 1 }),
    expect: { error: { code: 'ResourceNotFoundException', status: 404, message: 'No policy is associated with the given resource.' } },
  },
  {
    rule: 'a layer’s policy goes with its last statement',
    source: recordings,
    operation: 'RemoveLayerVersionPermission',
    before: [publishesLayer, addsLayerPermission],
    input: ({ name, saved }) => ({ LayerName: name, VersionNumber: 1, StatementId: 's1', RevisionId: saved('allowed')['RevisionId'] }),
    expect: { answer: {} },
  },
  {
    rule: 'a layer’s statement that is not there is named',
    source: recordings,
    operation: 'RemoveLayerVersionPermission',
    before: [publishesLayer, addsLayerPermission],
    input: ({ name }) => ({ LayerName: name, VersionNumber: 1, StatementId: 'nosuch' }),
    expect: noStatement,
  },
];
