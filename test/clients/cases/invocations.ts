import type { ClientCase } from '../client-case.ts';

/** What Invoke answers. */
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
];
