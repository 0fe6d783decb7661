import { expect } from 'vitest';
import type { ClientCase } from '../client-case.ts';

const noEventStreams = { cli: 'the AWS CLI leaves out operations that answer a stream of events' };

/** What Invoke and InvokeWithResponseStream answer. */
export const invocationCases: readonly ClientCase[] = [
  {
    rule: 'the answer of the function comes back with the version that ran',
    source: 'API_Invoke, response elements',
    operation: 'Invoke',
    input: ({ shared }) => ({ FunctionName: shared, Qualifier: '1', Payload: Buffer.from('{"word": "garden"}') }),
    expect: { answer: { StatusCode: 200, ExecutedVersion: '1', Payload: '{"word":"garden"}' }, absent: ['FunctionError', 'LogResult'] },
  },
  {
    rule: 'DryRun checks and runs nothing',
    source: 'API_Invoke, InvocationType',
    operation: 'Invoke',
    input: ({ shared }) => ({ FunctionName: shared, InvocationType: 'DryRun' }),
    expect: { answer: { StatusCode: 204 } },
  },
  {
    rule: 'a function that is not there cannot be invoked',
    source: 'recorded answers, LocalStack test_lambda.snapshot.json',
    operation: 'Invoke',
    input: ({ name }) => ({ FunctionName: name, Payload: Buffer.from('{}') }),
    expect: {
      error: {
        code: 'ResourceNotFoundException',
        status: 404,
        message: ({ functionArn, name }) => `Function not found: ${functionArn(name, '$LATEST')}`,
      },
    },
  },
  {
    rule: 'the tail of the log comes back in base64 when asked for',
    source: 'API_Invoke, LogType',
    operation: 'Invoke',
    input: ({ shared }) => ({ FunctionName: shared, LogType: 'Tail', Payload: Buffer.from('1') }),
    expect: { answer: { Payload: '1', ExecutedVersion: '$LATEST', LogResult: expect.stringMatching(/^[A-Za-z0-9+/]+=*$/) } },
  },
  {
    rule: 'no event is an empty object',
    source: 'aws-lambda-rie and the Runtime API: an event is always JSON',
    operation: 'Invoke',
    input: ({ shared }) => ({ FunctionName: shared }),
    expect: { answer: { Payload: '{}' } },
  },
  {
    rule: 'a client context is base64 of an object',
    source: 'API_Invoke, ClientContext and InvalidRequestContentException',
    operation: 'Invoke',
    input: ({ shared }) => ({ FunctionName: shared, ClientContext: 'bm90IGpzb24=' }),
    expect: { error: { code: 'InvalidRequestContentException', status: 400, message: /^Client context must be / } },
  },
  {
    rule: 'an invocation type is one of three',
    source: 'service model, InvocationType',
    operation: 'Invoke',
    input: ({ shared }) => ({ FunctionName: shared, InvocationType: 'Soon' }),
    expect: {
      error: {
        code: 'ValidationException',
        status: 400,
        message:
          "1 validation error detected: Value 'Soon' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]",
      },
    },
  },
  {
    rule: 'a tenant is named only for functions with tenants',
    source: 'message of Lambda’s tenant isolation, AWS Lambda Developer Guide',
    operation: 'Invoke',
    input: ({ shared }) => ({ FunctionName: shared, TenantId: 'blue' }),
    expect: {
      error: {
        code: 'InvalidParameterValueException',
        status: 400,
        message: 'The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again.',
      },
    },
  },
  {
    rule: 'the answer comes as events, the last of which says that it is whole',
    source: 'API_InvokeWithResponseStream; recorded headers, radkawar/stackd testdata/aws/lambda/streaming.json',
    operation: 'InvokeWithResponseStream',
    input: ({ shared }) => ({ FunctionName: shared, Qualifier: '1', Payload: Buffer.from('{"word": "garden"}') }),
    expect: {
      answer: {
        StatusCode: 200,
        ExecutedVersion: '1',
        ResponseStreamContentType: 'application/vnd.amazon.eventstream',
        EventStream: [{ PayloadChunk: { Payload: '{"word":"garden"}' } }, { InvokeComplete: {} }],
      },
    },
    except: noEventStreams,
  },
  {
    rule: 'the tail of the log is in the last event when asked for',
    source: 'API_InvokeWithResponseStreamCompleteEvent, LogResult',
    operation: 'InvokeWithResponseStream',
    input: ({ shared }) => ({ FunctionName: shared, LogType: 'Tail', Payload: Buffer.from('1') }),
    expect: {
      answer: { EventStream: [{ PayloadChunk: { Payload: '1' } }, { InvokeComplete: { LogResult: expect.stringMatching(/^[A-Za-z0-9+/]+=*$/) } }] },
    },
    except: noEventStreams,
  },
  {
    rule: 'an error before the stream is an error like any other',
    source: 'API_InvokeWithResponseStream, Errors',
    operation: 'InvokeWithResponseStream',
    input: ({ name }) => ({ FunctionName: name, Payload: Buffer.from('{}') }),
    expect: {
      error: {
        code: 'ResourceNotFoundException',
        status: 404,
        message: ({ functionArn, name }) => `Function not found: ${functionArn(name, '$LATEST')}`,
      },
    },
    except: noEventStreams,
  },
];
