import { describe, expect, it } from 'vitest';
import { answerFaults } from '../support/answer-faults.ts';

const answer = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
});
const alias = { AliasArn: 'arn', Name: 'live', FunctionVersion: '1', Description: '', RevisionId: 'r' };
const notFound = { 'x-amzn-errortype': 'ResourceNotFoundException' };

describe('answerFaults()', () => {
  it('finds nothing in an answer of Lambda’s', () => {
    expect(answerFaults('CreateAlias', answer(201, alias))).toEqual([]);
    expect(answerFaults('GetAlias', answer(404, { Type: 'User', Message: 'no' }, notFound))).toEqual([]);
    expect(answerFaults('DeleteAlias', answer(204, ''))).toEqual([]);
  });

  it.each([
    ['another status than the model’s', 'CreateAlias', answer(200, alias), 'status 200, not 201'],
    ['a member that the model does not know', 'CreateAlias', answer(201, { ...alias, Extra: 1 }), 'Extra is not in the model'],
    ['a member missing that is always sent', 'CreateAlias', answer(201, { ...alias, RevisionId: undefined }), 'RevisionId is missing'],
    ['null', 'CreateAlias', answer(201, { ...alias, Description: null }), 'Description is null'],
    ['a wrong type', 'CreateAlias', answer(201, { ...alias, FunctionVersion: 1 }), 'FunctionVersion is not of type string: 1'],
    [
      'a wrong type within a map',
      'CreateAlias',
      answer(201, { ...alias, RoutingConfig: { AdditionalVersionWeights: { 2: 'half' } } }),
      'RoutingConfig.AdditionalVersionWeights.2 is not of type double: "half"',
    ],
    ['a fault within a list', 'ListAliases', answer(200, { Aliases: [{ ...alias, Name: undefined }] }), 'Aliases[0].Name is missing'],
    ['an unknown value', 'GetFunctionRecursionConfig', answer(200, { RecursiveLoop: 'Maybe' }), 'RecursiveLoop has the unknown value Maybe'],
    ['a text where seconds are', 'GetProvisionedConcurrencyConfig', answer(200, { Status: 2 }), 'Status is not of type string: 2'],
    ['a body where there is none', 'DeleteAlias', answer(204, { a: 1 }), 'a body where there is none'],
    ['another content type', 'GetAlias', answer(200, alias, { 'content-type': 'text/html' }), 'content type text/html'],
    ['no JSON', 'GetAlias', answer(200, 'x'), 'not JSON: x'],
    ['an error without a type', 'GetAlias', answer(400, {}), 'an error 400 without its type in a header'],
    [
      'an error of another operation’s',
      'GetAlias',
      answer(404, {}, { 'x-amzn-errortype': 'ProvisionedConcurrencyConfigNotFoundException' }),
      "ProvisionedConcurrencyConfigNotFoundException is none of this operation's errors",
    ],
    ['an error’s text under another name', 'GetAlias', answer(404, { Type: 'User', message: 'no' }, notFound), 'message is not in the model'],
  ])('finds %s', (_, operation, given, fault) => {
    expect(answerFaults(operation, given)).toContain(fault);
  });
});
