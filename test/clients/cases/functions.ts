import { expect } from 'vitest';
import type { ClientCase, Members } from '../client-case.ts';
import { createsFunction, functionInput, waitsForFunction } from '../client-case.ts';

const recordings = 'recorded answers, LocalStack test_lambda_api.snapshot.json';
const staleRevision =
  'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id';
const unqualifiedOnly =
  'This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.';

/** What Lambda answers about functions as such: creation, reading, change, deletion. */
export const functionCases: readonly ClientCase[] = [
  {
    rule: 'a new function has Lambda’s defaults and is Pending',
    source: 'API_CreateFunction, response elements',
    operation: 'CreateFunction',
    input: functionInput,
    expect: {
      answer: ({ name, functionArn }) => ({
        FunctionName: name,
        FunctionArn: functionArn(name),
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Description: '',
        Timeout: 3,
        MemorySize: 128,
        Version: '$LATEST',
        PackageType: 'Zip',
        State: 'Pending',
        StateReasonCode: 'Creating',
        TracingConfig: { Mode: 'PassThrough' },
        EphemeralStorage: { Size: 512 },
        SnapStart: { ApplyOn: 'None', OptimizationStatus: 'Off' },
        LoggingConfig: { LogFormat: 'Text', LogGroup: `/aws/lambda/${name}` },
        LastModified: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/),
      }),
      absent: ['Environment', 'Layers', 'LastUpdateStatus'],
    },
  },
  {
    rule: 'a name is given once',
    source: 'API_CreateFunction, ResourceConflictException',
    operation: 'CreateFunction',
    input: (scope) => ({ ...functionInput(scope), FunctionName: scope.shared }),
    expect: { error: { code: 'ResourceConflictException', status: 409, message: ({ shared }) => `Function already exist: ${shared}` } },
  },
  {
    rule: 'GetFunction tells tags and where the code is',
    source: 'API_GetFunction, response elements',
    operation: 'GetFunction',
    before: [createsFunction({ Tags: { team: 'a' } })],
    input: ({ name }) => ({ FunctionName: name }),
    expect: {
      answer: ({ name }) => ({
        Configuration: { FunctionName: name },
        Code: { RepositoryType: 'S3', Location: expect.stringContaining('X-Amz-Signature') },
        Tags: { team: 'a' },
      }),
    },
  },
  {
    rule: 'a function that is not there is named in the error',
    source: recordings,
    operation: 'GetFunction',
    input: ({ name }) => ({ FunctionName: name }),
    expect: {
      error: {
        code: 'ResourceNotFoundException',
        status: 404,
        message: ({ functionArn, name }) => `Function not found: ${functionArn(name)}`,
        members: { Type: 'User' },
      },
    },
  },
  {
    rule: 'the qualifier returns in the ARN',
    source: recordings,
    operation: 'GetFunctionConfiguration',
    input: ({ shared }) => ({ FunctionName: shared, Qualifier: '1' }),
    expect: { answer: ({ functionArn, shared }) => ({ FunctionArn: functionArn(shared, '1'), Version: '1', State: 'Active' }) },
  },
  {
    rule: 'a version that is not there is named in the error',
    source: recordings,
    operation: 'GetFunctionConfiguration',
    input: ({ shared }) => ({ FunctionName: shared, Qualifier: '1221' }),
    expect: {
      error: {
        code: 'ResourceNotFoundException',
        status: 404,
        message: ({ functionArn, shared }) => `Function not found: ${functionArn(shared, '1221')}`,
      },
    },
  },
  {
    rule: 'lists hold functions without their state',
    source: `API_ListFunctions; ${recordings}`,
    operation: 'ListFunctions',
    input: { MaxItems: 1 },
    expect: { answer: { Functions: [expect.not.objectContaining({ State: expect.anything() })], NextMarker: expect.any(String) } },
  },
  {
    rule: 'FunctionVersion is ALL or absent',
    source: recordings,
    operation: 'ListFunctions',
    input: { FunctionVersion: 'invalid' },
    expect: {
      error: {
        code: 'ValidationException',
        status: 400,
        message:
          "1 validation error detected: Value 'invalid' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]",
      },
    },
  },
  {
    rule: 'a change of configuration gives a new RevisionId and keeps the rest',
    source: 'API_UpdateFunctionConfiguration',
    operation: 'UpdateFunctionConfiguration',
    before: [createsFunction({ MemorySize: 256 }), waitsForFunction()],
    input: ({ name, saved }) => ({ FunctionName: name, Timeout: 9, RevisionId: saved('active')['RevisionId'] }),
    expect: { answer: ({ saved }) => ({ Timeout: 9, MemorySize: 256, RevisionId: expect.not.stringMatching(`^${saved('active')['RevisionId']}$`) }) },
  },
  {
    rule: 'a stale RevisionId changes nothing',
    source: recordings,
    operation: 'UpdateFunctionConfiguration',
    input: ({ shared }) => ({ FunctionName: shared, Timeout: 9, RevisionId: '00000000-0000-4000-8000-000000000000' }),
    expect: { error: { code: 'PreconditionFailedException', status: 412, message: staleRevision } },
    after: [{ operation: 'GetFunctionConfiguration', input: ({ shared }) => ({ FunctionName: shared }), expect: { answer: { Timeout: 3 } } }],
  },
  {
    rule: 'new code has its own CodeSha256, and DryRun only tells it',
    source: 'API_UpdateFunctionCode, DryRun',
    operation: 'UpdateFunctionCode',
    before: [createsFunction(), waitsForFunction()],
    input: ({ name, zips }) => ({ FunctionName: name, ZipFile: zips.otherCode, DryRun: true }),
    expect: { answer: ({ saved }) => ({ CodeSha256: expect.not.stringMatching(`^${escaped(saved('created')['CodeSha256'])}$`) }) },
    after: [
      {
        operation: 'GetFunctionConfiguration',
        input: ({ name }) => ({ FunctionName: name }),
        expect: { answer: ({ saved }) => ({ CodeSha256: saved('created')['CodeSha256'], RevisionId: saved('active')['RevisionId'] }) },
      },
    ],
  },
  {
    rule: 'code is changed on the function itself only',
    source: recordings,
    operation: 'UpdateFunctionCode',
    input: ({ functionArn, shared, zips }) => ({ FunctionName: functionArn(shared, '1'), ZipFile: zips.code }),
    expect: { error: { code: 'InvalidParameterValueException', status: 400, message: unqualifiedOnly } },
  },
  {
    rule: 'a version has a number, its own description and ARN',
    source: 'API_PublishVersion',
    operation: 'PublishVersion',
    before: [createsFunction(), waitsForFunction()],
    input: ({ name }) => ({ FunctionName: name, Description: 'first' }),
    expect: { answer: ({ functionArn, name }) => ({ Version: '1', Description: 'first', FunctionArn: functionArn(name, '1') }) },
  },
  {
    rule: 'publishing names the code it means, or none',
    source: recordings,
    operation: 'PublishVersion',
    input: ({ shared }) => ({ FunctionName: shared, CodeSha256: 'somenonexistentsha256' }),
    expect: {
      error: {
        code: 'InvalidParameterValueException',
        status: 400,
        message:
          /^CodeSHA256 \(somenonexistentsha256\) is different from current CodeSHA256 in \$LATEST \(\S+\). Please try again with the CodeSHA256 in \$LATEST.$/,
      },
    },
  },
  {
    rule: 'a deleted function is gone',
    source: 'API_DeleteFunction',
    operation: 'DeleteFunction',
    before: [createsFunction()],
    input: ({ name }) => ({ FunctionName: name }),
    expect: { answer: {} },
    after: [
      {
        operation: 'DeleteFunction',
        input: ({ name }) => ({ FunctionName: name }),
        expect: {
          error: { code: 'ResourceNotFoundException', status: 404, message: ({ functionArn, name }) => `Function not found: ${functionArn(name)}` },
        },
      },
    ],
  },
  {
    rule: '$LATEST is not deleted alone',
    source: recordings,
    operation: 'DeleteFunction',
    input: ({ shared }) => ({ FunctionName: shared, Qualifier: '$LATEST' }),
    expect: {
      error: {
        code: 'InvalidParameterValueException',
        status: 400,
        message: '$LATEST version cannot be deleted without deleting the function.',
      },
    },
  },
  {
    rule: 'a page names the next, and MaxItems bounds it',
    source: 'API_ListFunctions, Marker and NextMarker',
    operation: 'ListFunctions',
    before: [{ operation: 'ListFunctions', input: { MaxItems: 1 }, save: 'first' }],
    input: ({ saved }) => ({ MaxItems: 1, Marker: saved('first')['NextMarker'] }),
    expect: {
      answer: ({ saved }) => ({ Functions: [expect.not.objectContaining({ FunctionName: firstName(saved('first')) })] }),
    },
  },
  {
    rule: 'FunctionVersion ALL lists every version under its own ARN',
    source: 'API_ListFunctions, FunctionVersion',
    operation: 'ListFunctions',
    // First by its name, for a page ends after 50 versions.
    before: [createsFunction(({ name }) => ({ FunctionName: `00-${name}`, Publish: true }))],
    input: { FunctionVersion: 'ALL' },
    expect: {
      answer: ({ functionArn, name }) => ({
        Functions: expect.arrayContaining([
          expect.objectContaining({ FunctionArn: functionArn(`00-${name}`, '$LATEST'), Version: '$LATEST' }),
          expect.objectContaining({ FunctionArn: functionArn(`00-${name}`, '1'), Version: '1' }),
        ]),
      }),
    },
  },
  {
    rule: 'a page has at least one function',
    source: 'service model, MaxListItems',
    operation: 'ListFunctions',
    input: { MaxItems: 0 },
    expect: {
      error: {
        code: 'ValidationException',
        status: 400,
        message:
          "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1",
      },
    },
  },
  ...['UpdateFunctionConfiguration', 'PublishVersion'].map(
    (operation): ClientCase => ({
      rule: 'a function that is not there cannot be changed',
      source: `API_${operation}, ResourceNotFoundException`,
      operation,
      input: ({ name }) => ({ FunctionName: name }),
      expect: {
        error: { code: 'ResourceNotFoundException', status: 404, message: ({ functionArn, name }) => `Function not found: ${functionArn(name)}` },
      },
    }),
  ),
  {
    rule: 'new code takes the place of the old, and can be published with it',
    source: 'API_UpdateFunctionCode, Publish',
    operation: 'UpdateFunctionCode',
    before: [createsFunction(), waitsForFunction()],
    input: ({ name, zips, saved }) => ({ FunctionName: name, ZipFile: zips.otherCode, Publish: true, RevisionId: saved('active')['RevisionId'] }),
    expect: { answer: ({ functionArn, name }) => ({ Version: '1', FunctionArn: functionArn(name, '1') }) },
    after: [
      {
        operation: 'GetFunctionConfiguration',
        input: ({ name }) => ({ FunctionName: name }),
        until: { LastUpdateStatus: 'Successful' },
        expect: { answer: ({ saved }) => ({ CodeSha256: expect.not.stringMatching(`^${escaped(saved('created')['CodeSha256'])}$`) }) },
      },
    ],
  },
  {
    rule: 'code of a stale RevisionId is refused',
    source: recordings,
    operation: 'UpdateFunctionCode',
    input: ({ shared, zips }) => ({ FunctionName: shared, ZipFile: zips.otherCode, RevisionId: '00000000-0000-4000-8000-000000000000' }),
    expect: { error: { code: 'PreconditionFailedException', status: 412, message: staleRevision } },
  },
  {
    rule: 'nothing changed since gives the same version again',
    source: 'API_PublishVersion, description',
    operation: 'PublishVersion',
    before: [createsFunction(), waitsForFunction(), { operation: 'PublishVersion', input: ({ name }) => ({ FunctionName: name }) }],
    input: ({ name }) => ({ FunctionName: name, Description: 'another' }),
    expect: { answer: { Version: '1', Description: '' } },
  },
  {
    rule: 'a version of a stale RevisionId is not published',
    source: recordings,
    operation: 'PublishVersion',
    input: ({ shared }) => ({ FunctionName: shared, RevisionId: '00000000-0000-4000-8000-000000000000' }),
    expect: { error: { code: 'PreconditionFailedException', status: 412, message: staleRevision } },
  },
  {
    rule: 'one version goes alone, and its number never comes back',
    source: 'API_DeleteFunction, Qualifier',
    operation: 'DeleteFunction',
    before: [createsFunction({ Publish: true }), waitsForFunction()],
    input: ({ name }) => ({ FunctionName: name, Qualifier: '1' }),
    expect: { answer: {} },
    after: [
      { operation: 'PublishVersion', input: ({ name }) => ({ FunctionName: name }), expect: { answer: { Version: '2' } } },
      {
        operation: 'GetFunction',
        input: ({ name }) => ({ FunctionName: name, Qualifier: '1' }),
        expect: {
          error: {
            code: 'ResourceNotFoundException',
            status: 404,
            message: ({ functionArn, name }) => `Function not found: ${functionArn(name, '1')}`,
          },
        },
      },
    ],
  },
  {
    rule: 'another account sees nothing of it',
    source: 'AWS Lambda Developer Guide, resource-based policies: without one there is no access',
    operation: 'GetFunction',
    as: 'other',
    input: ({ functionArn, shared }) => ({ FunctionName: functionArn(shared) }),
    expect: {
      error: {
        code: 'AccessDeniedException',
        status: 403,
        message: ({ functionArn, shared, otherAccountId }) =>
          `User: arn:aws:iam::${otherAccountId}:root is not authorized to perform: lambda:GetFunction on resource: ${functionArn(shared)} because no resource-based policy allows the lambda:GetFunction action`,
      },
    },
  },
  {
    rule: 'a wrong secret is refused',
    source: 'AWS General Reference, troubleshooting Signature Version 4',
    operation: 'ListFunctions',
    as: 'wrong-secret',
    input: {},
    expect: {
      error: {
        code: 'InvalidSignatureException',
        status: 403,
        message: /^The request signature we calculated does not match/,
      },
    },
  },
];

const firstName = (page: Members) => (page['Functions'] as readonly Members[])[0]?.['FunctionName'];
const escaped = (text: unknown) => String(text).replace(/[+/]/g, '\\$&');
