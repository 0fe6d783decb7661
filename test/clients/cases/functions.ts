import { expect } from 'vitest';
import type { ClientCase } from '../client-case.ts';
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

const escaped = (text: unknown) => String(text).replace(/[+/]/g, '\\$&');
