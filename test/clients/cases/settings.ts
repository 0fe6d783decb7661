import { expect } from 'vitest';
import type { CaseScope, ClientCase, Members, Step } from '../client-case.ts';
import { createsFunction, waitsForFunction } from '../client-case.ts';

const recordings = 'recorded answers, LocalStack test_lambda_api.snapshot.json';
const ownPage = 'docs/function-settings.md';
const invalid = (message: string | RegExp) => ({ error: { code: 'InvalidParameterValueException', status: 400, message } });
const named = ({ name }: CaseScope): Members => ({ FunctionName: name });
const none = { answer: {} };
const onlyFunctions =
  'This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.';

/** The case of a function that is not there. */
const needsFunction = (operation: string, more: Members = {}): ClientCase => ({
  rule: 'a function that is not there is named in the error',
  source: recordings,
  operation,
  input: ({ name }) => ({ FunctionName: name, ...more }),
  expect: {
    error: { code: 'ResourceNotFoundException', status: 404, message: ({ functionArn, name }) => `Function not found: ${functionArn(name)}` },
  },
});

/** What Lambda, or this host, refuses of a function's configuration. */
export const refusedSettingCases: readonly ClientCase[] = (
  [
    [
      'subnets must exist',
      recordings,
      { VpcConfig: { SubnetIds: ['subnet-1a'], SecurityGroupIds: ['sg-1'] } },
      "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID 'subnet-1a' does not exist",
    ],
    [
      'a VPC has subnets and security groups',
      'API_VpcConfig',
      { VpcConfig: { SubnetIds: ['subnet-1a'], SecurityGroupIds: [] } },
      'SubnetIds and SecurityIds must coexist or be both empty list.',
    ],
    [
      'SnapStart is for runtimes that support it',
      recordings,
      { SnapStart: { ApplyOn: 'PublishedVersions' } },
      'nodejs24.x is not supported for SnapStart enabled functions.',
    ],
    [
      'log levels need the JSON format',
      'lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html',
      { LoggingConfig: { SystemLogLevel: 'DEBUG' } },
      'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the LogFormat to "Json" and try again.',
    ],
    [
      'an image’s settings are for images',
      'API_ImageConfig',
      { ImageConfig: { Command: ['x'] } },
      "Please don't provide ImageConfig for a function with packageType Zip.",
    ],
    [
      'keys of KMS are refused by name',
      ownPage,
      { KMSKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/1' },
      /^KMSKeyArn is not supported by Cloister/,
    ],
    [
      'file systems are refused by name',
      ownPage,
      {
        FileSystemConfigs: [
          { Arn: 'arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-12345678901234567', LocalMountPath: '/mnt/data' },
        ],
      },
      /^FileSystemConfigs is not supported by Cloister/,
    ],
    [
      'dead letters go where this host can send them',
      ownPage,
      { DeadLetterConfig: { TargetArn: 'arn:aws:sqs:us-east-1:123456789012:letters' } },
      /no endpoint is configured for it/,
    ],
  ] as const
).map(([rule, source, settings, message]) => ({
  rule,
  source,
  operation: 'UpdateFunctionConfiguration',
  input: ({ shared }) => ({ FunctionName: shared, ...settings }),
  expect: invalid(message),
}));

/** Settings of a function beside its code. */
export const settingCases: readonly ClientCase[] = [
  {
    rule: 'an update is answered as being in progress, and empty values take settings away',
    source: 'API_UpdateFunctionConfiguration; lambda/latest/dg/functions-states.html',
    operation: 'UpdateFunctionConfiguration',
    before: [createsFunction({ Environment: { Variables: { STAGE: 'b' } } }), waitsForFunction()],
    input: ({ name }) => ({
      FunctionName: name,
      Environment: { Variables: {} },
      VpcConfig: { SubnetIds: [], SecurityGroupIds: [] },
      DeadLetterConfig: { TargetArn: '' },
      KMSKeyArn: '',
      FileSystemConfigs: [],
      SnapStart: { ApplyOn: 'None' },
      LoggingConfig: { LogGroup: '/my/group' },
    }),
    expect: {
      answer: { State: 'Active', LastUpdateStatus: 'InProgress', LoggingConfig: { LogFormat: 'Text', LogGroup: '/my/group' } },
      absent: ['Environment'],
    },
    after: [{ operation: 'GetFunctionConfiguration', input: named, until: { LastUpdateStatus: 'Successful' } }],
  },
  {
    rule: 'a log in JSON has levels, INFO unless told otherwise',
    source: recordings,
    operation: 'UpdateFunctionConfiguration',
    before: [createsFunction(), waitsForFunction()],
    input: ({ name }) => ({ FunctionName: name, LoggingConfig: { LogFormat: 'JSON', SystemLogLevel: 'DEBUG' } }),
    expect: {
      answer: ({ name }) => ({
        LoggingConfig: { LogFormat: 'JSON', ApplicationLogLevel: 'INFO', SystemLogLevel: 'DEBUG', LogGroup: `/aws/lambda/${name}` },
      }),
    },
    after: [
      {
        operation: 'GetFunctionConfiguration',
        input: named,
        until: { LastUpdateStatus: 'Successful', LoggingConfig: { LogFormat: 'JSON', ApplicationLogLevel: 'INFO', SystemLogLevel: 'DEBUG' } },
      },
    ],
  },
  {
    rule: 'a log that becomes text loses its levels',
    source: recordings,
    operation: 'UpdateFunctionConfiguration',
    before: [createsFunction({ LoggingConfig: { LogFormat: 'JSON', ApplicationLogLevel: 'TRACE', LogGroup: '/my/group' } }), waitsForFunction()],
    input: ({ name }) => ({ FunctionName: name, LoggingConfig: { LogFormat: 'Text' } }),
    expect: {
      answer: { LoggingConfig: { LogFormat: 'Text', LogGroup: '/my/group' } },
    },
  },
  {
    rule: 'code comes with the request or from S3, not from both',
    source: 'API_FunctionCode',
    operation: 'UpdateFunctionCode',
    input: ({ shared, zips }) => ({ FunctionName: shared, ZipFile: zips.code, S3Bucket: 'bucket', S3Key: 'key' }),
    expect: invalid('Please do not provide other FunctionCode parameters when providing a ZipFile.'),
  },
  {
    rule: 'an image is no code of a zip function',
    source: recordings,
    operation: 'UpdateFunctionCode',
    input: ({ shared }) => ({ FunctionName: shared, ImageUri: 'x' }),
    expect: invalid("Please don't provide ImageUri when updating a function with packageType Zip."),
  },
  {
    rule: 'reserved concurrency is kept, shown and taken away',
    source: 'API_PutFunctionConcurrency',
    operation: 'PutFunctionConcurrency',
    before: [createsFunction()],
    input: ({ name }) => ({ FunctionName: name, ReservedConcurrentExecutions: 3 }),
    expect: { answer: { ReservedConcurrentExecutions: 3 } },
    after: [
      { operation: 'GetFunctionConcurrency', input: named, expect: { answer: { ReservedConcurrentExecutions: 3 } } },
      { operation: 'GetFunction', input: named, expect: { answer: { Concurrency: { ReservedConcurrentExecutions: 3 } } } },
      // Other clients reserve at the same time.
      {
        operation: 'GetAccountSettings',
        input: {},
        expect: {
          answer: {
            AccountLimit: {
              ConcurrentExecutions: 1_000,
              UnreservedConcurrentExecutions: expect.toSatisfy((left: number) => left <= 997 && left >= 900, 'what is left'),
            },
          },
        },
      },
      { operation: 'DeleteFunctionConcurrency', input: named, expect: none },
      { operation: 'GetFunctionConcurrency', input: named, expect: { ...none, absent: ['ReservedConcurrentExecutions'] } },
    ],
  },
  {
    rule: 'a reservation of 0 stops a function',
    source: 'lambda/latest/dg/configuration-concurrency.html',
    operation: 'Invoke',
    before: [
      createsFunction(),
      waitsForFunction(),
      { operation: 'PutFunctionConcurrency', input: ({ name }) => ({ FunctionName: name, ReservedConcurrentExecutions: 0 }) },
    ],
    input: named,
    expect: {
      error: {
        code: 'TooManyRequestsException',
        status: 429,
        message: 'Rate Exceeded.',
        members: { Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded' },
      },
    },
  },
  {
    rule: '100 executions of the account stay unreserved',
    source: recordings,
    operation: 'PutFunctionConcurrency',
    input: ({ shared }) => ({ FunctionName: shared, ReservedConcurrentExecutions: 901 }),
    expect: invalid(
      "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].",
    ),
  },
  {
    rule: 'concurrency is a function’s, not a version’s',
    source: recordings,
    operation: 'PutFunctionConcurrency',
    input: ({ shared, functionArn }) => ({ FunctionName: functionArn(shared, '1'), ReservedConcurrentExecutions: 1 }),
    expect: invalid(onlyFunctions),
  },
  needsFunction('GetFunctionConcurrency'),
  needsFunction('DeleteFunctionConcurrency'),
  {
    rule: 'recursive loops are terminated unless allowed',
    source: 'API_PutFunctionRecursionConfig',
    operation: 'PutFunctionRecursionConfig',
    before: [createsFunction(), { operation: 'GetFunctionRecursionConfig', input: named, expect: { answer: { RecursiveLoop: 'Terminate' } } }],
    input: ({ name }) => ({ FunctionName: name, RecursiveLoop: 'Allow' }),
    expect: { answer: { RecursiveLoop: 'Allow' } },
    after: [{ operation: 'GetFunctionRecursionConfig', input: named, expect: { answer: { RecursiveLoop: 'Allow' } } }],
  },
  needsFunction('PutFunctionRecursionConfig', { RecursiveLoop: 'Allow' }),
  needsFunction('GetFunctionRecursionConfig'),
  {
    rule: 'runtimes are updated automatically',
    source: 'API_PutRuntimeManagementConfig',
    operation: 'PutRuntimeManagementConfig',
    input: ({ shared }) => ({ FunctionName: shared, UpdateRuntimeOn: 'Auto' }),
    expect: { answer: ({ functionArn, shared }) => ({ UpdateRuntimeOn: 'Auto', FunctionArn: functionArn(shared) }) },
    after: [
      {
        operation: 'GetRuntimeManagementConfig',
        input: ({ shared }) => ({ FunctionName: shared }),
        expect: { answer: ({ functionArn, shared }) => ({ UpdateRuntimeOn: 'Auto', FunctionArn: functionArn(shared) }) },
      },
    ],
  },
  {
    rule: 'a runtime cannot be pinned here',
    source: ownPage,
    operation: 'PutRuntimeManagementConfig',
    input: ({ shared }) => ({ FunctionName: shared, UpdateRuntimeOn: 'FunctionUpdate' }),
    expect: invalid(/^UpdateRuntimeOn FunctionUpdate is not supported by Cloister/),
  },
  needsFunction('GetRuntimeManagementConfig'),
];

const publishers = { AllowedPublishers: { SigningProfileVersionArns: ['arn:aws:signer:us-east-1:123456789012:/signing-profiles/mine/AbCdEfGhIj'] } };
const makesConfig = (more: Members = {}): Step => ({ operation: 'CreateCodeSigningConfig', input: { ...publishers, ...more }, save: 'config' });
const configArn = ({ saved }: CaseScope) => (saved('config')['CodeSigningConfig'] as Members)['CodeSigningConfigArn'];
const ofConfig = (scope: CaseScope): Members => ({ CodeSigningConfigArn: configArn(scope) });
const unknownConfig = ({ region, accountId }: CaseScope) => `arn:aws:lambda:${region}:${accountId}:code-signing-config:csc-12345678901234567`;

/** Code signing configurations and the functions that have them. */
export const codeSigningCases: readonly ClientCase[] = [
  {
    rule: 'a configuration warns unless told to enforce, and is read, changed, listed and deleted by ARN',
    source: 'API_CreateCodeSigningConfig',
    operation: 'CreateCodeSigningConfig',
    input: { ...publishers, Description: 'ours' },
    save: 'config',
    expect: { answer: { CodeSigningConfig: { ...publishers, Description: 'ours', CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Warn' } } } },
    after: [
      { operation: 'GetCodeSigningConfig', input: ofConfig, expect: { answer: (scope) => ({ CodeSigningConfig: ofConfig(scope) }) } },
      {
        operation: 'UpdateCodeSigningConfig',
        input: (scope) => ({ ...ofConfig(scope), CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' } }),
        expect: { answer: { CodeSigningConfig: { Description: 'ours', CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' } } } },
      },
      { operation: 'ListCodeSigningConfigs', input: {}, expect: none },
      { operation: 'DeleteCodeSigningConfig', input: ofConfig, expect: none },
      {
        operation: 'GetCodeSigningConfig',
        input: ofConfig,
        expect: { error: { code: 'ResourceNotFoundException', status: 404, message: /can not be found/ } },
      },
    ],
  },
  {
    rule: 'a configuration names at least one publisher',
    source: 'service model, SigningProfileVersionArns',
    operation: 'CreateCodeSigningConfig',
    input: { AllowedPublishers: { SigningProfileVersionArns: [] } },
    expect: { error: { code: 'ValidationException', status: 400, message: /at 'allowedPublishers.signingProfileVersionArns' failed/ } },
  },
  ...['GetCodeSigningConfig', 'UpdateCodeSigningConfig', 'DeleteCodeSigningConfig', 'ListFunctionsByCodeSigningConfig'].map(
    (operation): ClientCase => ({
      rule: 'a configuration that is not there is named in the error',
      source: recordings,
      operation,
      input: (scope) => ({ CodeSigningConfigArn: unknownConfig(scope) }),
      expect: {
        error: {
          code: 'ResourceNotFoundException',
          status: 404,
          message: (scope) => `The Lambda code signing configuration ${unknownConfig(scope)} can not be found.`,
        },
      },
    }),
  ),
  {
    rule: 'a marker of nobody’s is refused',
    source: 'API_ListCodeSigningConfigs, InvalidParameterValueException',
    operation: 'ListCodeSigningConfigs',
    input: { Marker: 'none' },
    expect: invalid(/pagination/),
  },
  {
    rule: 'a function is given a configuration, which then cannot be deleted, until it is taken away',
    source: 'API_PutFunctionCodeSigningConfig; API_DeleteCodeSigningConfig',
    operation: 'PutFunctionCodeSigningConfig',
    before: [
      createsFunction(),
      makesConfig(),
      { operation: 'GetFunctionCodeSigningConfig', input: named, expect: { ...none, absent: ['CodeSigningConfigArn'] } },
    ],
    input: (scope) => ({ FunctionName: scope.name, ...ofConfig(scope) }),
    expect: { answer: (scope) => ({ FunctionName: scope.name, ...ofConfig(scope) }) },
    after: [
      {
        operation: 'ListFunctionsByCodeSigningConfig',
        input: ofConfig,
        expect: { answer: ({ functionArn, name }) => ({ FunctionArns: [functionArn(name)] }) },
      },
      {
        operation: 'DeleteCodeSigningConfig',
        input: ofConfig,
        expect: { error: { code: 'ResourceConflictException', status: 409, message: /in use/ } },
      },
      { operation: 'DeleteFunctionCodeSigningConfig', input: named, expect: none },
      { operation: 'DeleteCodeSigningConfig', input: ofConfig, expect: none },
    ],
  },
  {
    rule: 'a configuration that is not there cannot be given',
    source: recordings,
    operation: 'PutFunctionCodeSigningConfig',
    input: (scope) => ({ FunctionName: scope.shared, CodeSigningConfigArn: unknownConfig(scope) }),
    expect: {
      error: {
        code: 'CodeSigningConfigNotFoundException',
        status: 404,
        message: (scope) =>
          `The code signing configuration cannot be found. Check that the provided configuration is not deleted: ${unknownConfig(scope)}.`,
      },
    },
  },
  needsFunction('GetFunctionCodeSigningConfig'),
  needsFunction('DeleteFunctionCodeSigningConfig'),
  {
    rule: 'Enforce blocks code that no publisher signed, and what is there runs on',
    source: 'API_UpdateFunctionCode, CodeVerificationFailedException',
    operation: 'UpdateFunctionCode',
    before: [
      createsFunction(),
      waitsForFunction(),
      makesConfig({ CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' } }),
      { operation: 'PutFunctionCodeSigningConfig', input: (scope) => ({ FunctionName: scope.name, ...ofConfig(scope) }) },
    ],
    input: ({ name, zips }) => ({ FunctionName: name, ZipFile: zips.otherCode }),
    expect: { error: { code: 'CodeVerificationFailedException', status: 400, message: /Lambda blocks the deployment\.$/ } },
    after: [{ operation: 'Invoke', input: named }],
  },
];
