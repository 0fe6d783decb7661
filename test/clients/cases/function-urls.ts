import { expect } from 'vitest';
import { type ClientCase, createsFunction, type Members, type Step } from '../client-case.ts';

const recorded = 'recorded answers, LocalStack test_lambda_api.snapshot.json';
const url = expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/_cloister\/url\/[a-z0-9]{32}\/$/);
const createsUrl = (more: Members = {}): Step => ({
  operation: 'CreateFunctionUrlConfig',
  input: ({ name }) => ({ FunctionName: name, AuthType: 'NONE', ...more }),
});
const refused = (code: string, status: number, message: string | RegExp) => ({ error: { code, status, message } }) as const;
const notThere = refused('ResourceNotFoundException', 404, 'The resource you requested does not exist.');

/** What Lambda answers about the configuration of function URLs. */
export const functionUrlCases: readonly ClientCase[] = [
  {
    ...createsUrl({ Cors: { AllowOrigins: ['https://*.example.com'], MaxAge: 60 } }),
    rule: 'a function gets a URL',
    source: recorded,
    before: [createsFunction()],
    expect: {
      answer: ({ name, functionArn }) => ({
        FunctionUrl: url,
        FunctionArn: functionArn(name),
        AuthType: 'NONE',
        Cors: { AllowOrigins: ['https://*.example.com'], MaxAge: 60 },
        CreationTime: expect.any(String),
      }),
    },
  },
  {
    ...createsUrl(),
    rule: 'a function has one URL',
    source: recorded,
    before: [createsFunction(), createsUrl()],
    expect: refused(
      'ResourceConflictException',
      409,
      /^Failed to create function url config for \[functionArn = arn:aws:lambda:.*\]\. Error message: {2}FunctionUrlConfig exists for this Lambda function$/,
    ),
  },
  {
    ...createsUrl({ Qualifier: '1' }),
    rule: 'a version has no URL',
    source: recorded,
    before: [createsFunction()],
    expect: refused('ValidationException', 400, /^1 validation error detected: Value '1' at 'qualifier' failed to satisfy constraint: /),
  },
  {
    ...createsUrl(),
    rule: 'a function that is not there has no URL',
    source: recorded,
    expect: refused('ResourceNotFoundException', 404, 'Function does not exist'),
  },
  {
    rule: 'a URL is read with its mode',
    source: recorded,
    operation: 'GetFunctionUrlConfig',
    before: [createsFunction(), createsUrl()],
    input: ({ name }) => ({ FunctionName: name }),
    expect: { answer: { FunctionUrl: url, AuthType: 'NONE', InvokeMode: 'BUFFERED', LastModifiedTime: expect.any(String) } },
  },
  {
    rule: 'a URL that is not there is not found',
    source: recorded,
    operation: 'GetFunctionUrlConfig',
    input: ({ shared }) => ({ FunctionName: shared }),
    expect: notThere,
  },
  {
    rule: 'what is not named stays',
    source: recorded,
    operation: 'UpdateFunctionUrlConfig',
    before: [createsFunction(), createsUrl({ InvokeMode: 'RESPONSE_STREAM' })],
    input: ({ name }) => ({ FunctionName: name, AuthType: 'AWS_IAM' }),
    expect: { answer: { AuthType: 'AWS_IAM', InvokeMode: 'RESPONSE_STREAM' } },
  },
  {
    rule: 'a mode is one of two',
    source: recorded,
    operation: 'UpdateFunctionUrlConfig',
    before: [createsFunction(), createsUrl()],
    input: ({ name }) => ({ FunctionName: name, InvokeMode: 'UNKNOWN' }),
    expect: refused('ValidationException', 400, /Value 'UNKNOWN' at 'invokeMode' failed to satisfy constraint: Member must satisfy enum value set/),
  },
  {
    rule: 'the URLs of a function are listed',
    source: recorded,
    operation: 'ListFunctionUrlConfigs',
    before: [createsFunction(), createsUrl()],
    input: ({ name }) => ({ FunctionName: name }),
    expect: { answer: { FunctionUrlConfigs: [{ FunctionUrl: url, InvokeMode: 'BUFFERED' }] } },
  },
  {
    rule: 'a function that is not there lists no URLs',
    source: recorded,
    operation: 'ListFunctionUrlConfigs',
    input: ({ name }) => ({ FunctionName: name }),
    expect: refused('ResourceNotFoundException', 404, 'Function does not exist'),
  },
  {
    rule: 'a deleted URL is gone',
    source: recorded,
    operation: 'DeleteFunctionUrlConfig',
    before: [createsFunction(), createsUrl()],
    input: ({ name }) => ({ FunctionName: name }),
    expect: { answer: {} },
    after: [{ operation: 'GetFunctionUrlConfig', input: ({ name }) => ({ FunctionName: name }), expect: notThere }],
  },
  {
    rule: 'a URL that is not there cannot be deleted',
    source: recorded,
    operation: 'DeleteFunctionUrlConfig',
    input: ({ shared }) => ({ FunctionName: shared }),
    expect: notThere,
  },
];
