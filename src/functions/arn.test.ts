import { describe, expect, it } from 'vitest';
import { formatFunctionArn, formatLayerArn, parseFunctionReference, parseLayerReference, parseLayerVersionArn } from './arn.ts';

describe('parseFunctionReference()', () => {
  it.each([
    ['f', { functionName: 'f' }],
    ['f:1', { functionName: 'f', qualifier: '1' }],
    ['f:$LATEST', { functionName: 'f', qualifier: '$LATEST' }],
    ['function:f', { functionName: 'f' }],
    ['function:f:live', { functionName: 'f', qualifier: 'live' }],
    ['123456789012:f', { accountId: '123456789012', functionName: 'f' }],
    ['123456789012:function:f:2', { accountId: '123456789012', functionName: 'f', qualifier: '2' }],
    ['us-east-1:123456789012:function:f', { region: 'us-east-1', accountId: '123456789012', functionName: 'f' }],
    ['arn:aws:lambda:us-east-1:123456789012:function:f', { region: 'us-east-1', accountId: '123456789012', functionName: 'f' }],
    [
      'arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f:3',
      { region: 'us-gov-west-1', accountId: '123456789012', functionName: 'f', qualifier: '3' },
    ],
  ])('reads %s', (text, reference) => {
    expect(parseFunctionReference(text)).toEqual(reference);
  });

  it.each(['', ' ', 'a b', 'f:', 'f:a:b:c:d', 'f\n', '../f', 'arn:aws:s3:::bucket/key'])('does not read %j', (text) => {
    expect(parseFunctionReference(text)).toBeUndefined();
  });

  it('reads what formatFunctionArn() writes', () => {
    const parts = { region: 'eu-central-1', accountId: '123456789012', functionName: 'f-_1', qualifier: '12' };
    expect(parseFunctionReference(formatFunctionArn(parts))).toEqual(parts);
  });
});

describe('layer ARNs', () => {
  it('are read with and without a version', () => {
    const parts = { region: 'eu-central-1', accountId: '123456789012', layerName: 'l', version: 7 };
    expect(parseLayerVersionArn(formatLayerArn(parts))).toEqual(parts);
    expect(parseLayerVersionArn('arn:aws:lambda:eu-central-1:123456789012:layer:l')).toBeUndefined();
    expect(parseLayerReference('arn:aws:lambda:eu-central-1:123456789012:layer:l')).toEqual({
      region: 'eu-central-1',
      accountId: '123456789012',
      layerName: 'l',
    });
    expect(parseLayerReference('l')).toEqual({ layerName: 'l' });
    expect(parseLayerReference('a b')).toBeUndefined();
  });
});
