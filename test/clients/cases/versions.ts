import type { ClientCase, Scoped, Step } from '../client-case.ts';
import { createsFunction, waitsForFunction } from '../client-case.ts';

const recordings = 'recorded answers, LocalStack test_lambda_api.snapshot.json';
const refused = (code: string, status: number, message: Scoped<string | RegExp>) => ({ error: { code, status, message } });
const invalid = (message: Scoped<string | RegExp>) => refused('InvalidParameterValueException', 400, message);
const missing = (message: Scoped<string | RegExp>) => refused('ResourceNotFoundException', 404, message);
const markerRefused = invalid('Invalid pagination key.');

const publishes = (description: string): readonly Step[] => [
  { operation: 'UpdateFunctionConfiguration', input: ({ name }) => ({ FunctionName: name, Description: description }) },
  waitsForFunction(),
  { operation: 'PublishVersion', input: ({ name }) => ({ FunctionName: name }), save: description },
];

/** What Lambda answers about lists of versions, their markers, and the forms of a function's name. */
export const versionCases: readonly ClientCase[] = [
  {
    rule: '$LATEST comes first, each under its own ARN',
    source: recordings,
    operation: 'ListVersionsByFunction',
    before: [createsFunction({ Publish: true }), waitsForFunction(), ...publishes('two')],
    input: ({ name }) => ({ FunctionName: name }),
    expect: {
      answer: ({ name, functionArn, saved }) => ({
        Versions: [
          { Version: '$LATEST', FunctionArn: functionArn(name, '$LATEST'), Description: 'two' },
          { Version: '1', FunctionArn: functionArn(name, '1'), Description: '' },
          { Version: '2', FunctionArn: functionArn(name, '2'), RevisionId: saved('two')['RevisionId'] },
        ],
      }),
    },
  },
  {
    rule: 'the next page follows the last version that was given, though versions came and went',
    source: 'API_ListVersionsByFunction, Marker',
    operation: 'ListVersionsByFunction',
    before: [
      createsFunction({ Publish: true }),
      waitsForFunction(),
      ...publishes('two'),
      { operation: 'ListVersionsByFunction', input: ({ name }) => ({ FunctionName: name, MaxItems: 2 }), save: 'page' },
      { operation: 'DeleteFunction', input: ({ name }) => ({ FunctionName: name, Qualifier: '1' }) },
      ...publishes('three'),
    ],
    input: ({ name, saved }) => ({ FunctionName: name, Marker: saved('page')['NextMarker'] }),
    expect: { answer: { Versions: [{ Version: '2' }, { Version: '3' }] }, absent: ['NextMarker'] },
  },
  {
    rule: 'the function must exist',
    source: recordings,
    operation: 'ListVersionsByFunction',
    input: ({ name }) => ({ FunctionName: name }),
    expect: missing(({ functionArn, name }) => `Function not found: ${functionArn(name)}`),
  },
  {
    rule: 'a marker of another list is refused',
    source: 'API_ListVersionsByFunction, InvalidParameterValueException',
    operation: 'ListVersionsByFunction',
    before: [{ operation: 'ListFunctions', input: { MaxItems: 1 }, save: 'page' }],
    input: ({ shared, saved }) => ({ FunctionName: shared, Marker: saved('page')['NextMarker'] }),
    expect: markerRefused,
  },
  {
    rule: 'a marker that Lambda did not give is refused',
    source: 'API_ListFunctions, InvalidParameterValueException',
    operation: 'ListFunctions',
    input: { Marker: 'nonsense' },
    expect: markerRefused,
  },
  {
    rule: 'a region of masters lists replicas, of which there are none',
    source: 'API_ListFunctions, MasterRegion',
    operation: 'ListFunctions',
    input: { MasterRegion: 'us-west-2', FunctionVersion: 'ALL' },
    expect: { answer: { Functions: [] }, absent: ['NextMarker'] },
  },
  {
    rule: 'a region of masters needs FunctionVersion ALL',
    source: 'API_ListFunctions, MasterRegion',
    operation: 'ListFunctions',
    input: { MasterRegion: 'us-east-1' },
    expect: invalid(/FunctionVersion must be set to ALL/),
  },
  {
    rule: 'a published version has a revision of its own, and publishing renews that of $LATEST',
    source: recordings,
    operation: 'GetFunctionConfiguration',
    before: [createsFunction(), waitsForFunction(), { operation: 'PublishVersion', input: ({ name }) => ({ FunctionName: name }), save: 'one' }],
    input: ({ name }) => ({ FunctionName: name, Qualifier: '1' }),
    expect: { answer: ({ saved }) => ({ RevisionId: saved('one')['RevisionId'] }) },
    after: [
      {
        operation: 'PublishVersion',
        input: ({ name, saved }) => ({ FunctionName: name, RevisionId: saved('active')['RevisionId'] }),
        expect: refused('PreconditionFailedException', 412, /^The Revision Id provided does not match/),
      },
    ],
  },
  {
    rule: 'what was not changed is not published again, whatever description is asked for',
    source: recordings,
    operation: 'PublishVersion',
    before: [createsFunction(), waitsForFunction(), ...publishes('one')],
    input: ({ name }) => ({ FunctionName: name, Description: 'another' }),
    expect: { answer: { Version: '1', Description: 'one' } },
  },
  {
    rule: 'a version that is not there is as good as deleted',
    source: recordings,
    operation: 'DeleteFunction',
    input: ({ shared }) => ({ FunctionName: shared, Qualifier: '1233' }),
    expect: { answer: {} },
  },
  {
    rule: 'a version of a function that is not there is not found, and the function is named',
    source: recordings,
    operation: 'DeleteFunction',
    input: ({ name }) => ({ FunctionName: name, Qualifier: '1233' }),
    expect: missing(({ functionArn, name }) => `Function not found: ${functionArn(name)}`),
  },
  ...(['function:NAME', 'ACCOUNT:function:NAME', 'ACCOUNT:NAME', 'REGION:ACCOUNT:function:NAME', 'ARN', 'NAME:$LATEST'] as const).map(
    (form): ClientCase => ({
      rule: `a function may be named as ${form}`,
      source: 'service model, shape NamespacedFunctionName',
      operation: 'GetFunctionConfiguration',
      input: ({ shared, region, accountId, functionArn }) => ({
        FunctionName: form.replace('NAME', shared).replace('ACCOUNT', accountId).replace('REGION', region).replace('ARN', functionArn(shared)),
      }),
      expect: { answer: ({ shared }) => ({ FunctionName: shared, Version: '$LATEST' }) },
    }),
  ),
  ...(
    [
      ['*', 'a name of other characters'],
      ['my-function!', 'a name with an exclamation mark'],
      ['invalid-account:function:f', 'an account that is no number'],
      ['arn:aws:lambda:invalid-region:123456789012:function:f', 'a region that is none'],
      ['arn:aws:ec2:us-east-1:123456789012:instance:i-1234567890abcdef0', 'an ARN of another service'],
      ['arn:aws:lambda:us-east-1:123456789012:function:f:1:2', 'two qualifiers'],
      ['function:f:$LATEST:extra', 'a qualifier behind $LATEST'],
      ['arn:aws:lambda::123456789012:function:f', 'an ARN without a region'],
      ['arn:aws:lambda:us-east-1::function:f', 'an ARN without an account'],
      ['arn:aws:lambda:us-east-1:123456789012:function:f:$LATES', '$LATEST misspelt'],
    ] as const
  ).map(
    ([given, what]): ClientCase => ({
      rule: `no function is named by ${what}`,
      source: recordings,
      operation: 'GetFunction',
      input: { FunctionName: given },
      expect: refused(
        'ValidationException',
        400,
        /^1 validation error detected: Value '.*' at 'functionName' failed to satisfy constraint: .*pattern/,
      ),
    }),
  ),
  {
    rule: 'an ARN that ends in function names a function of that name',
    source: recordings,
    operation: 'GetFunction',
    input: ({ region, accountId }) => ({ FunctionName: `arn:aws:lambda:${region}:${accountId}:function` }),
    expect: missing(({ functionArn }) => `Function not found: ${functionArn('function')}`),
  },
  {
    rule: '$latest in small letters is no version',
    source: recordings,
    operation: 'GetFunction',
    input: ({ shared }) => ({ FunctionName: shared, Qualifier: '$latest' }),
    expect: missing(({ functionArn, shared }) => `Function not found: ${functionArn(shared, '$latest')}`),
  },
  {
    rule: 'the qualifier in the name and the one beside it must agree',
    source: recordings,
    operation: 'GetFunction',
    input: ({ functionArn, shared }) => ({ FunctionName: functionArn(shared, '$LATEST'), Qualifier: '1' }),
    expect: invalid('The derived qualifier from the function name does not match the specified qualifier.'),
  },
  {
    rule: 'a function of another region is not reachable',
    source: recordings,
    operation: 'GetFunction',
    input: ({ shared, accountId }) => ({ FunctionName: `arn:aws:lambda:ap-southeast-1:${accountId}:function:${shared}` }),
    expect: missing(({ region }) => `Functions from 'ap-southeast-1' are not reachable in this region ('${region}')`),
  },
];
