import type { ClientCase, Members, Scoped, Step } from '../client-case.ts';
import { createsFunction, waitsForFunction } from '../client-case.ts';

const recordings = 'recorded answers, LocalStack test_lambda_api.snapshot.json';
const staleRevision =
  'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id';

/** A function of the case's own with versions 1 and 2. */
const twoVersions: readonly Step[] = [
  createsFunction({ Publish: true }),
  waitsForFunction(),
  { operation: 'UpdateFunctionConfiguration', input: ({ name }) => ({ FunctionName: name, MemorySize: 256 }) },
  waitsForFunction(),
  { operation: 'PublishVersion', input: ({ name }) => ({ FunctionName: name }) },
];

const createsAlias = (more: Members = {}): Step => ({
  operation: 'CreateAlias',
  input: ({ name }) => ({ FunctionName: name, Name: 'live', FunctionVersion: '1', ...more }),
  save: 'alias',
});

const weighted = (weights: Members): Members => ({ RoutingConfig: { AdditionalVersionWeights: weights } });

const refused = (code: string, status: number, message: Scoped<string | RegExp>) => ({ error: { code, status, message } });
const invalid = (message: Scoped<string | RegExp>) => refused('InvalidParameterValueException', 400, message);
const missing = (message: Scoped<string | RegExp>) => refused('ResourceNotFoundException', 404, message);

/** What Lambda answers about aliases and what they stand for. */
export const aliasCases: readonly ClientCase[] = [
  {
    ...createsAlias({ Description: 'custom', ...weighted({ 2: 0.25 }) }),
    rule: 'an alias points to a version and gives another a share',
    source: recordings,
    before: twoVersions,
    expect: {
      answer: ({ name, functionArn }) => ({
        AliasArn: functionArn(name, 'live'),
        Name: 'live',
        FunctionVersion: '1',
        Description: 'custom',
        RoutingConfig: { AdditionalVersionWeights: { 2: 0.25 } },
      }),
    },
  },
  {
    ...createsAlias(weighted({})),
    rule: 'without weights an alias has no routing',
    source: recordings,
    before: twoVersions,
    expect: { answer: { FunctionVersion: '1', Description: '' }, absent: ['RoutingConfig'] },
  },
  {
    ...createsAlias({ Name: '2024-01-02', FunctionVersion: '$LATEST' }),
    rule: 'a name may begin with digits, and $LATEST may be pointed to',
    source: recordings,
    before: [createsFunction()],
    expect: { answer: { Name: '2024-01-02', FunctionVersion: '$LATEST' } },
  },
  {
    ...createsAlias({ Name: '2024' }),
    rule: 'a name of digits only would be a version',
    source: recordings,
    expect: refused('ValidationException', 400, /Value '2024' at 'name' failed to satisfy constraint: .*pattern: \(\?!\^\[0-9\]\+\$\)/),
  },
  {
    ...createsAlias(),
    rule: 'an alias is made once',
    source: recordings,
    before: [createsFunction({ Publish: true }), createsAlias()],
    expect: refused('ResourceConflictException', 409, ({ functionArn, name }) => `Alias already exists: ${functionArn(name, 'live')}`),
  },
  {
    ...createsAlias({ FunctionVersion: '10' }),
    rule: 'the version must exist',
    source: recordings,
    before: [createsFunction()],
    expect: missing(({ functionArn, name }) => `Function not found: ${functionArn(name, '10')}`),
  },
  {
    ...createsAlias(),
    rule: 'the function must exist',
    source: recordings,
    expect: missing(({ functionArn, name }) => `Function not found: ${functionArn(name, '1')}`),
  },
  {
    ...createsAlias(weighted({ 10: 0.5 })),
    rule: 'the additional version must exist',
    source: recordings,
    before: [createsFunction({ Publish: true })],
    expect: missing(({ functionArn, name }) => `Function not found: ${functionArn(name, '10')}`),
  },
  {
    ...createsAlias(weighted({ 1: 0.5, 2: 0.5 })),
    rule: 'one version at most shares with the first',
    source: recordings,
    before: [createsFunction({ Publish: true })],
    expect: invalid('Number of items in AdditionalVersionWeights cannot be greater than 1'),
  },
  {
    ...createsAlias(weighted({ 1: 0.5 })),
    rule: 'a version does not share with itself',
    source: recordings,
    before: [createsFunction({ Publish: true })],
    expect: invalid('Invalid function version 1. Function version 1 is already included in routing configuration.'),
  },
  {
    ...createsAlias({ FunctionVersion: '$LATEST', ...weighted({ 1: 0.5 }) }),
    rule: '$LATEST does not share',
    source: recordings,
    before: [createsFunction({ Publish: true })],
    expect: invalid('$LATEST is not supported for an alias pointing to more than 1 version'),
  },
  {
    ...createsAlias(weighted({ $LATEST: 0.5 })),
    rule: 'the additional version is a number',
    source: recordings,
    expect: refused(
      'ValidationException',
      400,
      /at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must satisfy constraint/,
    ),
  },
  ...[2, -1].map(
    (weight): ClientCase => ({
      ...createsAlias(weighted({ 2: weight })),
      rule: `a weight is between 0 and 1, not ${weight}`,
      source: recordings,
      expect: refused(
        'ValidationException',
        400,
        /at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy constraint: \[Member must have value less than or equal to 1/,
      ),
    }),
  ),
  {
    rule: 'an alias belongs to the function, not to a version of it',
    source: 'API_CreateAlias, FunctionName: name formats without a qualifier',
    operation: 'CreateAlias',
    input: ({ shared }) => ({ FunctionName: `${shared}:1`, Name: 'live', FunctionVersion: '1' }),
    expect: invalid(/^This operation is permitted on Lambda functions only/),
  },
  {
    rule: 'an alias is read as it was made',
    source: recordings,
    operation: 'GetAlias',
    before: [createsFunction({ Publish: true }), createsAlias()],
    input: ({ accountId, name }) => ({ FunctionName: `${accountId}:function:${name}`, Name: 'live' }),
    expect: { answer: ({ saved }) => ({ AliasArn: saved('alias')['AliasArn'], RevisionId: saved('alias')['RevisionId'] }) },
  },
  {
    rule: 'an alias that is not there is named in the error',
    source: recordings,
    operation: 'GetAlias',
    input: ({ shared }) => ({ FunctionName: shared, Name: 'non-existent' }),
    expect: missing(({ functionArn, shared }) => `Cannot find alias arn: ${functionArn(shared, 'non-existent')}`),
  },
  {
    rule: 'what is not named stays',
    source: recordings,
    operation: 'UpdateAlias',
    before: [...twoVersions, createsAlias({ Description: 'custom', ...weighted({ 2: 0.25 }) })],
    input: ({ name, saved }) => ({ FunctionName: name, Name: 'live', RevisionId: saved('alias')['RevisionId'] }),
    expect: { answer: { FunctionVersion: '1', Description: 'custom', RoutingConfig: { AdditionalVersionWeights: { 2: 0.25 } } } },
  },
  {
    rule: 'empty weights end the sharing',
    source: recordings,
    operation: 'UpdateAlias',
    before: [...twoVersions, createsAlias(weighted({ 2: 0.25 }))],
    input: ({ name }) => ({ FunctionName: name, Name: 'live', FunctionVersion: '2', ...weighted({}) }),
    expect: { answer: { FunctionVersion: '2' }, absent: ['RoutingConfig'] },
  },
  {
    rule: 'an old revision is refused',
    source: recordings,
    operation: 'UpdateAlias',
    before: [createsFunction({ Publish: true }), createsAlias()],
    input: ({ name }) => ({ FunctionName: name, Name: 'live', RevisionId: 'wrong' }),
    expect: refused('PreconditionFailedException', 412, staleRevision),
  },
  {
    rule: 'an alias to change must exist',
    source: recordings,
    operation: 'UpdateAlias',
    input: ({ shared }) => ({ FunctionName: shared, Name: 'non-existent' }),
    expect: missing(({ functionArn, shared }) => `Alias not found: ${functionArn(shared, 'non-existent')}`),
  },
  {
    rule: 'aliases are listed by version in pages',
    source: recordings,
    operation: 'ListAliases',
    before: [
      ...twoVersions,
      createsAlias({ Name: 'a' }),
      createsAlias({ Name: 'b' }),
      createsAlias({ Name: 'c', FunctionVersion: '2' }),
      { operation: 'ListAliases', input: ({ name }) => ({ FunctionName: name, FunctionVersion: '1', MaxItems: 1 }), save: 'page' },
    ],
    input: ({ name, saved }) => ({ FunctionName: name, FunctionVersion: '1', Marker: saved('page')['NextMarker'] }),
    expect: { answer: { Aliases: [{ Name: 'b' }] }, absent: ['NextMarker'] },
  },
  {
    rule: 'the function of a list must exist',
    source: recordings,
    operation: 'ListAliases',
    input: ({ name }) => ({ FunctionName: name }),
    expect: missing(({ functionArn, name }) => `Function not found: ${functionArn(name)}`),
  },
  {
    rule: 'an alias that is not there is as good as deleted',
    source: recordings,
    operation: 'DeleteAlias',
    before: [createsFunction({ Publish: true }), createsAlias()],
    input: ({ name }) => ({ FunctionName: name, Name: 'live' }),
    expect: { answer: {} },
    after: [
      { operation: 'DeleteAlias', input: ({ name }) => ({ FunctionName: name, Name: 'live' }), expect: { answer: {} } },
      { operation: 'ListAliases', input: ({ name }) => ({ FunctionName: name }), expect: { answer: { Aliases: [] } } },
    ],
  },
  {
    rule: 'a version is no alias',
    source: 'service model, shape Alias',
    operation: 'DeleteAlias',
    input: ({ shared }) => ({ FunctionName: shared, Name: '1' }),
    expect: refused('ValidationException', 400, /Value '1' at 'name' failed to satisfy constraint/),
  },
  ...(['beside the name', 'in the name', 'in a partial ARN', 'in the ARN'] as const).map(
    (place): ClientCase => ({
      rule: `an alias is taken ${place}, and returns in the ARN`,
      source: recordings,
      operation: 'GetFunctionConfiguration',
      before: [createsFunction({ Publish: true }), createsAlias()],
      input: ({ name, accountId, functionArn }) =>
        ({
          'beside the name': { FunctionName: name, Qualifier: 'live' },
          'in the name': { FunctionName: `${name}:live` },
          'in a partial ARN': { FunctionName: `${accountId}:function:${name}:live` },
          'in the ARN': { FunctionName: functionArn(name, 'live') },
        })[place],
      expect: { answer: ({ functionArn, name }) => ({ Version: '1', FunctionArn: functionArn(name, 'live') }) },
    }),
  ),
  {
    rule: 'an alias that is not there is no function',
    source: recordings,
    operation: 'GetFunction',
    input: ({ shared, functionArn }) => ({ FunctionName: functionArn(shared, 'aliasdoesnotexist') }),
    expect: missing(({ functionArn, shared }) => `Function not found: ${functionArn(shared, 'aliasdoesnotexist')}`),
  },
  {
    rule: 'an invocation of an alias tells the version that served it',
    source: 'API_Invoke, ExecutedVersion',
    operation: 'Invoke',
    before: [...twoVersions, createsAlias(weighted({ 2: 1 }))],
    input: ({ name }) => ({ FunctionName: name, Qualifier: 'live' }),
    expect: { answer: { StatusCode: 200, ExecutedVersion: '2' } },
  },
  {
    rule: 'an alias is not deleted as a function',
    source: recordings,
    operation: 'DeleteFunction',
    before: [createsFunction({ Publish: true }), createsAlias()],
    input: ({ name }) => ({ FunctionName: name, Qualifier: 'live' }),
    expect: invalid('Deletion of aliases is not currently supported.'),
  },
  {
    rule: 'a version that an alias points to is not deleted',
    source: 'error text in cloud-custodian issue 6739 and go-lambda-cleanup issue 45',
    operation: 'DeleteFunction',
    before: [createsFunction({ Publish: true }), createsAlias()],
    input: ({ name }) => ({ FunctionName: name, Qualifier: '1' }),
    expect: refused('ResourceConflictException', 409, 'Unable to delete version because the following aliases reference it: [live]'),
    after: [{ operation: 'GetFunction', input: ({ name }) => ({ FunctionName: name, Qualifier: '1' }), expect: { answer: {} } }],
  },
];
