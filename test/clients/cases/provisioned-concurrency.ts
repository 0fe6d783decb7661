import type { CaseScope, ClientCase, Members, Step } from '../client-case.ts';
import { createsFunction } from '../client-case.ts';

const recordings = 'recorded answers, LocalStack test_lambda_api.snapshot.json';
const invalid = (message: string | RegExp) => ({ error: { code: 'InvalidParameterValueException', status: 400, message } });
const conflict = (message: string) => ({ error: { code: 'ResourceConflictException', status: 409, message } });
const named = ({ name }: CaseScope): Members => ({ FunctionName: name });
const versionOne = ({ name }: CaseScope): Members => ({ FunctionName: name, Qualifier: '1' });
const latest = ({ shared }: CaseScope): Members => ({ FunctionName: shared, Qualifier: '$LATEST' });
const provisions = (Qualifier: string, expected?: Step['expect']): Step => ({
  operation: 'PutProvisionedConcurrencyConfig',
  input: ({ name }) => ({ FunctionName: name, Qualifier, ProvisionedConcurrentExecutions: 1 }),
  ...(expected === undefined ? {} : { expect: expected }),
});
const noneLeft: Step = {
  operation: 'ListProvisionedConcurrencyConfigs',
  input: named,
  expect: { answer: { ProvisionedConcurrencyConfigs: [] } },
};

/** Provisioned concurrency of versions and aliases. */
export const provisionedConcurrencyCases: readonly ClientCase[] = [
  {
    rule: 'what is provisioned of a version is kept, listed and deleted',
    source: 'API_PutProvisionedConcurrencyConfig',
    operation: 'PutProvisionedConcurrencyConfig',
    before: [
      createsFunction({ Publish: true }),
      {
        operation: 'GetProvisionedConcurrencyConfig',
        input: versionOne,
        expect: {
          error: {
            code: 'ProvisionedConcurrencyConfigNotFoundException',
            status: 404,
            message: 'No Provisioned Concurrency Config found for this function',
          },
        },
      },
    ],
    input: (scope) => ({ ...versionOne(scope), ProvisionedConcurrentExecutions: 2 }),
    expect: { answer: { RequestedProvisionedConcurrentExecutions: 2, AllocatedProvisionedConcurrentExecutions: 0, Status: 'IN_PROGRESS' } },
    after: [
      {
        operation: 'GetProvisionedConcurrencyConfig',
        input: versionOne,
        until: {
          RequestedProvisionedConcurrentExecutions: 2,
          AvailableProvisionedConcurrentExecutions: 2,
          AllocatedProvisionedConcurrentExecutions: 2,
          Status: 'READY',
        },
        expect: { answer: {}, absent: ['StatusReason'] },
      },
      {
        operation: 'ListProvisionedConcurrencyConfigs',
        input: named,
        expect: {
          answer: ({ functionArn, name }) => ({ ProvisionedConcurrencyConfigs: [{ FunctionArn: functionArn(name, '1'), Status: 'READY' }] }),
        },
      },
      {
        operation: 'PutFunctionConcurrency',
        input: ({ name }) => ({ FunctionName: name, ReservedConcurrentExecutions: 1 }),
        expect: invalid(" ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2]."),
      },
      { operation: 'DeleteProvisionedConcurrencyConfig', input: versionOne, expect: { answer: {} } },
      noneLeft,
    ],
  },
  {
    rule: 'what cannot be initialised fails, and says why',
    source: 'API_GetProvisionedConcurrencyConfig, StatusReason',
    operation: 'PutProvisionedConcurrencyConfig',
    before: [createsFunction({ Publish: true, Handler: 'missing.handler' })],
    input: (scope) => ({ ...versionOne(scope), ProvisionedConcurrentExecutions: 1 }),
    expect: { answer: { Status: 'IN_PROGRESS' }, absent: ['StatusReason'] },
    after: [
      {
        operation: 'GetProvisionedConcurrencyConfig',
        input: versionOne,
        until: { AvailableProvisionedConcurrentExecutions: 0, Status: 'FAILED', StatusReason: 'FUNCTION_ERROR_INIT_FAILURE' },
      },
      { operation: 'DeleteProvisionedConcurrencyConfig', input: versionOne },
    ],
  },
  {
    rule: 'a function with tenant isolation has none: whose an environment is, is not known ahead',
    source: 'lambda/latest/dg/tenant-isolation.html',
    operation: 'PutProvisionedConcurrencyConfig',
    before: [createsFunction({ Publish: true, TenancyConfig: { TenantIsolationMode: 'PER_TENANT' } })],
    input: (scope) => ({ ...versionOne(scope), ProvisionedConcurrentExecutions: 1 }),
    expect: invalid('Provisioned Concurrency is not supported for functions enabled with tenancy configuration.'),
  },
  {
    rule: 'a version and an alias that points to it are not both provisioned, and what an alias had goes with it',
    source: recordings,
    operation: 'PutProvisionedConcurrencyConfig',
    before: [
      createsFunction({ Publish: true }),
      { operation: 'CreateAlias', input: ({ name }) => ({ FunctionName: name, Name: 'live', FunctionVersion: '1' }) },
      provisions('live'),
    ],
    input: (scope) => ({ ...versionOne(scope), ProvisionedConcurrentExecutions: 1 }),
    expect: conflict('Version is pointed by a Provisioned Concurrency alias'),
    after: [
      { operation: 'DeleteAlias', input: ({ name }) => ({ FunctionName: name, Name: 'live' }) },
      noneLeft,
      provisions('1'),
      { operation: 'CreateAlias', input: ({ name }) => ({ FunctionName: name, Name: 'next', FunctionVersion: '1' }) },
      provisions('next', conflict("Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")),
    ],
  },
  {
    rule: 'what is provisioned stays within what is reserved',
    source: recordings,
    operation: 'PutProvisionedConcurrencyConfig',
    before: [
      createsFunction({ Publish: true }),
      { operation: 'PutFunctionConcurrency', input: ({ name }) => ({ FunctionName: name, ReservedConcurrentExecutions: 1 }) },
    ],
    input: (scope) => ({ ...versionOne(scope), ProvisionedConcurrentExecutions: 2 }),
    expect: invalid('Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function'),
    after: [{ operation: 'DeleteFunctionConcurrency', input: named }],
  },
  {
    rule: '$LATEST is not provisioned',
    source: recordings,
    operation: 'PutProvisionedConcurrencyConfig',
    input: (scope) => ({ ...latest(scope), ProvisionedConcurrentExecutions: 1 }),
    expect: invalid('Provisioned Concurrency Configs cannot be applied to unpublished function versions.'),
  },
  {
    rule: 'at least one execution is provisioned',
    source: recordings,
    operation: 'PutProvisionedConcurrencyConfig',
    input: ({ shared }) => ({ FunctionName: shared, Qualifier: '1', ProvisionedConcurrentExecutions: 0 }),
    expect: {
      error: {
        code: 'ValidationException',
        status: 400,
        message:
          "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: Member must have value greater than or equal to 1",
      },
    },
  },
  {
    rule: '$LATEST has no provisioned concurrency',
    source: recordings,
    operation: 'GetProvisionedConcurrencyConfig',
    input: latest,
    expect: invalid('The function resource provided must be an alias or a published version.'),
  },
  {
    rule: 'an alias that is not there is named in the error',
    source: recordings,
    operation: 'DeleteProvisionedConcurrencyConfig',
    input: ({ shared }) => ({ FunctionName: shared, Qualifier: 'noalias' }),
    expect: {
      error: {
        code: 'ResourceNotFoundException',
        status: 404,
        message: ({ functionArn, shared }) => `Cannot find alias arn: ${functionArn(shared, 'noalias')}`,
      },
    },
  },
  {
    rule: 'a function that is not there is named in the error',
    source: recordings,
    operation: 'ListProvisionedConcurrencyConfigs',
    input: named,
    expect: {
      error: { code: 'ResourceNotFoundException', status: 404, message: ({ functionArn, name }) => `Function not found: ${functionArn(name)}` },
    },
  },
];
