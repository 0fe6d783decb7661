import { expect } from 'vitest';
import type { CaseScope, ClientCase, Members, Step } from '../client-case.ts';
import { createsFunction, waitsForFunction } from '../client-case.ts';

const recorded = 'recorded answers, LocalStack test_lambda_api.snapshot.json, TestLambdaEventInvokeConfig';
const made: readonly Step[] = [createsFunction({ Publish: true }), waitsForFunction()];
const put = (more: Members, suffix?: Members): Step => ({
  operation: 'PutFunctionEventInvokeConfig',
  input: ({ name }) => ({ FunctionName: name, ...more, ...suffix }),
});
const onSuccess = (arn: (scope: CaseScope) => string) => (scope: CaseScope) => ({
  FunctionName: scope.name,
  DestinationConfig: { OnSuccess: { Destination: arn(scope) } },
});
const mustSetSomething = {
  error: {
    code: 'InvalidParameterValueException',
    status: 400,
    message: 'You must specify at least one of error handling or destination setting.',
    members: { Type: 'User' },
  },
} as const;
const noFunction = {
  error: { code: 'ResourceNotFoundException', status: 404, message: "The function doesn't exist.", members: { Type: 'User' } },
} as const;
const noConfig = (qualifier: string) =>
  ({
    error: {
      code: 'ResourceNotFoundException',
      status: 404,
      message: ({ functionArn, name }: CaseScope) => `The function ${functionArn(name, qualifier)} doesn't have an EventInvokeConfig`,
    },
  }) as const;

/** Event invoke configurations. */
export const eventInvokeConfigCases: readonly ClientCase[] = [
  {
    rule: 'without a qualifier it is that of $LATEST, and destinations are always answered',
    source: recorded,
    before: made,
    operation: 'PutFunctionEventInvokeConfig',
    input: ({ name }) => ({ FunctionName: name, MaximumRetryAttempts: 1 }),
    expect: {
      answer: ({ functionArn, name }) => ({
        FunctionArn: functionArn(name, '$LATEST'),
        MaximumRetryAttempts: 1,
        DestinationConfig: { OnSuccess: {}, OnFailure: {} },
        LastModified: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      }),
      absent: ['MaximumEventAgeInSeconds'],
    },
  },
  {
    rule: 'a version has its own',
    source: recorded,
    before: made,
    operation: 'PutFunctionEventInvokeConfig',
    input: ({ name }) => ({ FunctionName: `${name}:1`, MaximumEventAgeInSeconds: 60 }),
    expect: { answer: ({ functionArn, name }) => ({ FunctionArn: functionArn(name, '1'), MaximumEventAgeInSeconds: 60 }) },
    after: [
      {
        operation: 'GetFunctionEventInvokeConfig',
        input: ({ name }) => ({ FunctionName: name, Qualifier: '1' }),
        expect: { answer: { MaximumEventAgeInSeconds: 60 }, absent: ['MaximumRetryAttempts'] },
      },
      { operation: 'GetFunctionEventInvokeConfig', input: ({ name }) => ({ FunctionName: name }), expect: noConfig('$LATEST') },
    ],
  },
  {
    rule: 'what is not named goes',
    source: recorded,
    before: [...made, put({ MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 60 })],
    operation: 'PutFunctionEventInvokeConfig',
    input: ({ name }) => ({ FunctionName: name, MaximumRetryAttempts: 0 }),
    expect: { answer: { MaximumRetryAttempts: 0 }, absent: ['MaximumEventAgeInSeconds'] },
  },
  {
    rule: 'a setting is missed before the function is',
    source: recorded,
    operation: 'PutFunctionEventInvokeConfig',
    input: ({ name }) => ({ FunctionName: name }),
    expect: mustSetSomething,
  },
  {
    rule: 'the function must be there',
    source: recorded,
    operation: 'PutFunctionEventInvokeConfig',
    input: ({ name }) => ({ FunctionName: name, MaximumRetryAttempts: 1 }),
    expect: noFunction,
  },
  {
    rule: 'the version must be there',
    source: recorded,
    operation: 'PutFunctionEventInvokeConfig',
    input: ({ shared }) => ({ FunctionName: shared, Qualifier: '77', MaximumRetryAttempts: 1 }),
    expect: noFunction,
  },
  {
    rule: 'the qualifier is said once',
    source: recorded,
    operation: 'PutFunctionEventInvokeConfig',
    input: ({ shared }) => ({ FunctionName: `${shared}:1`, Qualifier: '$LATEST', MaximumRetryAttempts: 1 }),
    expect: {
      error: {
        code: 'InvalidParameterValueException',
        status: 400,
        message: 'The derived qualifier from the function name does not match the specified qualifier.',
      },
    },
  },
  {
    rule: 'another function is a destination',
    source: recorded,
    before: made,
    operation: 'PutFunctionEventInvokeConfig',
    input: onSuccess(({ functionArn, shared }) => functionArn(shared)),
    expect: {
      answer: ({ functionArn, shared }) => ({ DestinationConfig: { OnSuccess: { Destination: functionArn(shared) }, OnFailure: {} } }),
    },
  },
  {
    rule: 'a function is no destination of itself',
    source: recorded,
    before: made,
    operation: 'PutFunctionEventInvokeConfig',
    input: onSuccess(({ functionArn, name }) => functionArn(name)),
    expect: {
      error: { code: 'InvalidParameterValueException', status: 400, message: "You can't specify the function as a destination for itself." },
    },
  },
  {
    rule: 'a function that is not there is no destination',
    source: recorded,
    before: made,
    operation: 'PutFunctionEventInvokeConfig',
    input: onSuccess(({ functionArn, named }) => functionArn(named('none'))),
    expect: {
      error: {
        code: 'InvalidParameterValueException',
        status: 400,
        message: ({ functionArn, named }) => `The destination ARN ${functionArn(named('none'))} is invalid.`,
      },
    },
  },
  {
    rule: 'a role is no destination',
    source: recorded,
    before: made,
    operation: 'PutFunctionEventInvokeConfig',
    input: onSuccess(({ functionArn, name }) => functionArn(name).replace(':lambda:', ':iam:')),
    expect: {
      error: {
        code: 'InvalidParameterValueException',
        status: 400,
        message: ({ functionArn, name }) =>
          `The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=${functionArn(name).replace(':lambda:', ':iam:')}), onFailure=null) is invalid.`,
      },
    },
  },
  {
    rule: 'a bucket takes failures only',
    source: 'invocation-async-retain-records: "An Amazon S3 bucket (on failure only)"',
    before: made,
    operation: 'PutFunctionEventInvokeConfig',
    input: onSuccess(() => 'arn:aws:s3:::records'),
    expect: { error: { code: 'InvalidParameterValueException', status: 400, message: /^The provided destination config .* is invalid\.$/ } },
  },
  {
    rule: 'a queue of another account is not reached with the keys of this host',
    source: 'docs/asynchronous.md',
    before: made,
    operation: 'PutFunctionEventInvokeConfig',
    input: onSuccess(({ region, otherAccountId }) => `arn:aws:sqs:${region}:${otherAccountId}:theirs`),
    expect: { error: { code: 'InvalidParameterValueException', status: 400, message: /must belong to the account of the function\.$/ } },
  },
  {
    rule: 'a destination is an ARN',
    source: recorded,
    operation: 'PutFunctionEventInvokeConfig',
    input: ({ shared }) => ({ FunctionName: shared, DestinationConfig: { OnFailure: { Destination: 'arn:aws:_-/!lambda:f' } } }),
    expect: {
      error: {
        code: 'ValidationException',
        status: 400,
        message: /^1 validation error detected: Value 'arn:aws:_-\/!lambda:f' at 'destinationConfig\.onFailure\.destination' failed to satisfy/,
      },
    },
  },
  {
    rule: 'retries are at most two',
    source: 'service model, MaximumRetryAttempts',
    operation: 'PutFunctionEventInvokeConfig',
    input: ({ shared }) => ({ FunctionName: shared, MaximumRetryAttempts: 3 }),
    except: { boto3: 'checks the range itself', cli: 'checks the range itself' },
    expect: {
      error: {
        code: 'ValidationException',
        status: 400,
        message:
          "1 validation error detected: Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 2",
      },
    },
  },
  {
    rule: 'an event lives a minute at least',
    source: 'service model, MaximumEventAgeInSeconds',
    operation: 'PutFunctionEventInvokeConfig',
    input: ({ shared }) => ({ FunctionName: shared, MaximumEventAgeInSeconds: 59 }),
    except: { boto3: 'checks the range itself', cli: 'checks the range itself' },
    expect: {
      error: {
        code: 'ValidationException',
        status: 400,
        message:
          "1 validation error detected: Value '59' at 'maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60",
      },
    },
  },
  {
    rule: 'an update leaves what it does not name',
    source: recorded,
    before: [...made, put({ MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 60 })],
    operation: 'UpdateFunctionEventInvokeConfig',
    input: ({ name }) => ({ FunctionName: name, MaximumRetryAttempts: 0 }),
    expect: { answer: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 } },
  },
  {
    rule: 'an update needs something to update',
    source: recorded,
    before: made,
    operation: 'UpdateFunctionEventInvokeConfig',
    input: ({ name }) => ({ FunctionName: name, MaximumRetryAttempts: 0 }),
    expect: noConfig('$LATEST'),
  },
  {
    rule: 'an update needs a function',
    source: recorded,
    operation: 'UpdateFunctionEventInvokeConfig',
    input: ({ name }) => ({ FunctionName: name, MaximumRetryAttempts: 0 }),
    expect: noFunction,
  },
  {
    rule: 'an update changes something',
    source: 'API_UpdateFunctionEventInvokeConfig; the words are those of PutFunctionEventInvokeConfig',
    operation: 'UpdateFunctionEventInvokeConfig',
    input: ({ name }) => ({ FunctionName: name }),
    expect: mustSetSomething,
  },
  {
    rule: 'a function that is not there has none',
    source: recorded,
    operation: 'GetFunctionEventInvokeConfig',
    input: ({ name }) => ({ FunctionName: name }),
    expect: noConfig('$LATEST'),
  },
  {
    rule: 'what was deleted is gone',
    source: recorded,
    before: [...made, put({ MaximumRetryAttempts: 1 })],
    operation: 'DeleteFunctionEventInvokeConfig',
    input: ({ name }) => ({ FunctionName: name, Qualifier: '$LATEST' }),
    expect: { answer: {} },
    after: [{ operation: 'DeleteFunctionEventInvokeConfig', input: ({ name }) => ({ FunctionName: name }), expect: noConfig('$LATEST') }],
  },
  {
    rule: 'it goes with its function',
    source: 'API_DeleteFunction',
    before: [...made, put({ MaximumRetryAttempts: 1 }), { operation: 'DeleteFunction', input: ({ name }) => ({ FunctionName: name }) }, ...made],
    operation: 'GetFunctionEventInvokeConfig',
    input: ({ name }) => ({ FunctionName: name }),
    expect: noConfig('$LATEST'),
  },
  {
    rule: 'it goes with its version',
    source: 'API_DeleteFunction, Qualifier',
    before: [
      ...made,
      put({ Qualifier: '1', MaximumRetryAttempts: 1 }),
      { operation: 'DeleteFunction', input: ({ name }) => ({ FunctionName: name, Qualifier: '1' }) },
    ],
    operation: 'GetFunctionEventInvokeConfig',
    input: ({ name }) => ({ FunctionName: name, Qualifier: '1' }),
    expect: noConfig('1'),
  },
  {
    rule: 'an alias has its own, which goes with it',
    source: recorded,
    before: [
      ...made,
      { operation: 'CreateAlias', input: ({ name }) => ({ FunctionName: name, Name: 'live', FunctionVersion: '1' }) },
      put({ Qualifier: 'live', MaximumRetryAttempts: 1 }),
      {
        operation: 'GetFunctionEventInvokeConfig',
        input: ({ name }) => ({ FunctionName: `${name}:live` }),
        expect: { answer: ({ functionArn, name }) => ({ FunctionArn: functionArn(name, 'live'), MaximumRetryAttempts: 1 }) },
      },
      { operation: 'DeleteAlias', input: ({ name }) => ({ FunctionName: name, Name: 'live' }) },
    ],
    operation: 'GetFunctionEventInvokeConfig',
    input: ({ name }) => ({ FunctionName: name, Qualifier: 'live' }),
    expect: noConfig('live'),
  },
  {
    rule: 'they are listed by qualifier, $LATEST first, a page at a time',
    source: recorded,
    before: [...made, put({ Qualifier: '1', MaximumRetryAttempts: 1 }), put({ MaximumRetryAttempts: 2 })],
    operation: 'ListFunctionEventInvokeConfigs',
    input: ({ name }) => ({ FunctionName: name, MaxItems: 1 }),
    save: 'first',
    expect: {
      answer: ({ functionArn, name }) => ({
        FunctionEventInvokeConfigs: [{ FunctionArn: functionArn(name, '$LATEST'), MaximumRetryAttempts: 2 }],
        NextMarker: expect.any(String),
      }),
    },
    after: [
      {
        operation: 'ListFunctionEventInvokeConfigs',
        input: ({ name, saved }) => ({ FunctionName: name, Marker: saved('first')['NextMarker'] }),
        expect: {
          answer: ({ functionArn, name }) => ({ FunctionEventInvokeConfigs: [{ FunctionArn: functionArn(name, '1') }] }),
          absent: ['NextMarker'],
        },
      },
    ],
  },
  {
    rule: 'a function without any has an empty list',
    source: recorded,
    operation: 'ListFunctionEventInvokeConfigs',
    input: ({ shared }) => ({ FunctionName: shared }),
    expect: { answer: { FunctionEventInvokeConfigs: [] } },
  },
  {
    rule: 'a function that is not there has no list',
    source: recorded,
    operation: 'ListFunctionEventInvokeConfigs',
    input: ({ name }) => ({ FunctionName: name }),
    expect: noFunction,
  },
];

/** Asynchronous invocations. */
export const asynchronousInvocationCases: readonly ClientCase[] = [
  {
    rule: 'an event is accepted without an answer of the function',
    source: 'API_Invoke, InvocationType; recorded answers, LocalStack test_lambda.snapshot.json',
    operation: 'Invoke',
    input: ({ shared }) => ({ FunctionName: shared, InvocationType: 'Event', Payload: Buffer.from('{"a":1}') }),
    expect: { answer: { StatusCode: 202 }, absent: ['ExecutedVersion', 'FunctionError'] },
  },
  {
    rule: 'an event is JSON',
    source: 'API_Invoke, InvalidRequestContentException',
    operation: 'Invoke',
    input: ({ shared }) => ({ FunctionName: shared, InvocationType: 'Event', Payload: Buffer.from('{') }),
    expect: { error: { code: 'InvalidRequestContentException', status: 400, message: /^Could not parse request body into json: / } },
  },
  {
    rule: 'an event has at most 1 MB',
    source: 'quotas of Lambda (1 MB asynchronous); the words are those of issues of Lambda clients, ASFHyP3/hyp3 2241',
    operation: 'Invoke',
    input: ({ shared }) => ({ FunctionName: shared, InvocationType: 'Event', Payload: Buffer.from(`"${'x'.repeat(1_048_575)}"`) }),
    expect: {
      error: {
        code: 'RequestEntityTooLargeException',
        status: 413,
        message: '1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)',
      },
    },
  },
  {
    rule: 'an event needs a function',
    source: 'API_Invoke, ResourceNotFoundException',
    operation: 'Invoke',
    input: ({ name }) => ({ FunctionName: name, InvocationType: 'Event' }),
    expect: {
      error: {
        code: 'ResourceNotFoundException',
        status: 404,
        message: ({ functionArn, name }) => `Function not found: ${functionArn(name, '$LATEST')}`,
      },
    },
  },
  {
    rule: 'it is accepted as an Event is',
    source: 'API_InvokeAsync',
    operation: 'InvokeAsync',
    input: ({ shared }) => ({ FunctionName: shared, InvokeArgs: Buffer.from('{"a":1}') }),
    expect: { answer: { Status: 202 } },
  },
  {
    rule: 'its arguments are JSON',
    source: 'API_InvokeAsync, InvalidRequestContentException',
    operation: 'InvokeAsync',
    input: ({ shared }) => ({ FunctionName: shared, InvokeArgs: Buffer.from('nothing') }),
    expect: { error: { code: 'InvalidRequestContentException', status: 400, message: /^Could not parse request body into json: / } },
  },
  {
    rule: 'it needs a function',
    source: 'API_InvokeAsync, ResourceNotFoundException',
    operation: 'InvokeAsync',
    input: ({ name }) => ({ FunctionName: name, InvokeArgs: Buffer.from('{}') }),
    expect: { error: { code: 'ResourceNotFoundException', status: 404, message: /^Function not found: / } },
  },
];
