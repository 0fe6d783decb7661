import { expect } from 'vitest';
import type { ClientCase, Scoped, Step } from '../client-case.ts';
import { createsFunction } from '../client-case.ts';

const recordings = 'recorded answers, LocalStack test_lambda_api.snapshot.json';
const refused = (code: string, status: number, message: Scoped<string | RegExp>) => ({ error: { code, status, message } });
const invalid = (message: Scoped<string | RegExp>) => refused('InvalidParameterValueException', 400, message);
const onlyFunctions = invalid('Tags on function aliases and versions are not supported. Please specify a function ARN.');

const tags = (more: Readonly<Record<string, string>>): Step => ({
  operation: 'TagResource',
  input: ({ name, functionArn }) => ({ Resource: functionArn(name), Tags: more }),
});
const listsTags = (found: Readonly<Record<string, string>>): Step => ({
  operation: 'ListTags',
  input: ({ name, functionArn }) => ({ Resource: functionArn(name) }),
  expect: { answer: { Tags: found } },
});
const many = (count: number, prefix = '') =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}_key`, `${index}_value`]));

/** What Lambda answers about tags, and about an account as a whole. */
export const tagCases: readonly ClientCase[] = [
  {
    ...tags({ b: '2', c: '3' }),
    rule: 'tags are added, and replace those of the same key',
    source: recordings,
    before: [createsFunction({ Tags: { a: '1', b: '1' } })],
    expect: { answer: {} },
    after: [
      listsTags({ a: '1', b: '2', c: '3' }),
      { operation: 'GetFunction', input: ({ name }) => ({ FunctionName: name }), expect: { answer: { Tags: { a: '1', b: '2', c: '3' } } } },
    ],
  },
  {
    rule: 'a tag gives the function another RevisionId',
    source: recordings,
    operation: 'GetFunctionConfiguration',
    before: [
      createsFunction(),
      { operation: 'GetFunctionConfiguration', input: ({ name }) => ({ FunctionName: name }), save: 'untagged' },
      tags({ a: '1' }),
    ],
    input: ({ name }) => ({ FunctionName: name }),
    expect: { answer: ({ saved }) => ({ RevisionId: expect.not.stringMatching(String(saved('untagged')['RevisionId'])) }) },
  },
  {
    rule: 'keys are removed, also those that are not there',
    source: recordings,
    operation: 'UntagResource',
    before: [createsFunction({ Tags: { a: '1', b: '1', c: '1' } })],
    input: ({ name, functionArn }) => ({ Resource: functionArn(name), TagKeys: ['a', 'c', 'none'] }),
    expect: { answer: {} },
    after: [listsTags({ b: '1' })],
  },
  {
    rule: 'a function without tags has an empty map of them',
    source: recordings,
    operation: 'ListTags',
    input: ({ shared, functionArn }) => ({ Resource: functionArn(shared) }),
    expect: { answer: { Tags: {} } },
  },
  ...(['TagResource', 'UntagResource', 'ListTags'] as const).map(
    (operation): ClientCase => ({
      rule: 'the function must exist',
      source: recordings,
      operation,
      input: ({ name, functionArn }) => ({
        Resource: functionArn(name),
        ...(operation === 'TagResource' ? { Tags: { a: '1' } } : operation === 'UntagResource' ? { TagKeys: ['a'] } : {}),
      }),
      expect: refused('ResourceNotFoundException', 404, ({ name, functionArn }) => `Function not found: ${functionArn(name)}`),
    }),
  ),
  ...(['1', '$LATEST'] as const).map(
    (qualifier): ClientCase => ({
      rule: `the function is tagged, not ${qualifier}`,
      source: recordings,
      operation: 'TagResource',
      input: ({ shared, functionArn }) => ({ Resource: functionArn(shared, qualifier), Tags: { a: '1' } }),
      expect: onlyFunctions,
    }),
  ),
  {
    rule: 'at least one tag is given',
    source: recordings,
    operation: 'TagResource',
    input: ({ shared, functionArn }) => ({ Resource: functionArn(shared), Tags: {} }),
    expect: invalid('An error occurred and the request cannot be processed.'),
  },
  {
    rule: 'at least one key is given',
    source: recordings,
    operation: 'UntagResource',
    input: ({ shared, functionArn }) => ({ Resource: functionArn(shared), TagKeys: [] }),
    expect: refused(
      'ValidationException',
      400,
      "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null",
    ),
  },
  {
    ...tags(many(51)),
    rule: 'a function has 50 tags at most',
    source: recordings,
    before: [createsFunction()],
    expect: invalid('Number of tags exceeds resource tag limit.'),
    after: [listsTags({})],
  },
  {
    ...tags(many(2, 'more-')),
    rule: 'the tags that are there count, too',
    source: recordings,
    before: [createsFunction({ Tags: many(49) })],
    expect: invalid('Number of tags exceeds resource tag limit.'),
    after: [listsTags(many(49))],
  },
  {
    ...tags({ 'aws:mine': '1' }),
    rule: 'keys of AWS are reserved',
    source: 'Lambda developer guide, "Requirements for tag keys and values"',
    before: [createsFunction()],
    expect: invalid(/aws:/),
  },
  {
    ...tags({ 'cloister:isolation': 'none' }),
    rule: 'the tag that chooses the isolation takes its own values only',
    source: 'docs/configuration.md: there is no such tag in Lambda',
    before: [createsFunction()],
    expect: invalid(/must be oci or microvm/),
    after: [listsTags({})],
  },
  {
    rule: 'a name is no ARN',
    source: 'service model, shape TaggableResource',
    operation: 'ListTags',
    input: ({ shared }) => ({ Resource: shared }),
    expect: refused('ValidationException', 400, /^1 validation error detected: Value '.*' at 'resource' failed to satisfy constraint: .*pattern/),
  },
  {
    rule: 'an event source mapping that is not there has no tags',
    source: recordings,
    operation: 'ListTags',
    input: ({ region, accountId }) => ({
      Resource: `arn:aws:lambda:${region}:${accountId}:event-source-mapping:00000000-0000-0000-0000-000000000000`,
    }),
    expect: refused('ResourceNotFoundException', 404, /^Event source mapping not found: arn:/),
  },
  {
    rule: 'an account has limits and what it uses of them',
    source: 'API_GetAccountSettings, response elements; Lambda quotas',
    operation: 'GetAccountSettings',
    input: {},
    expect: {
      answer: {
        AccountLimit: { TotalCodeSize: 80_530_636_800, CodeSizeUnzipped: 262_144_000, CodeSizeZipped: 52_428_800, ConcurrentExecutions: 1_000 },
        AccountUsage: { FunctionCount: expect.any(Number), TotalCodeSize: expect.any(Number) },
      },
    },
  },
  {
    rule: 'an account that has nothing uses nothing',
    source: 'API_GetAccountSettings, AccountUsage',
    operation: 'GetAccountSettings',
    as: 'other',
    input: {},
    expect: {
      answer: {
        AccountLimit: { ConcurrentExecutions: 150, UnreservedConcurrentExecutions: 150 },
        AccountUsage: { FunctionCount: 0, TotalCodeSize: 0 },
      },
    },
  },
  {
    rule: 'settings are told to whom they belong',
    source: 'Signature Version 4, InvalidSignatureException',
    operation: 'GetAccountSettings',
    as: 'wrong-secret',
    input: {},
    expect: refused('InvalidSignatureException', 403, /signature/i),
  },
];
