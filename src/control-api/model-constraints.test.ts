import { describe, expect, it } from 'vitest';
import { ApiError } from './api-error.ts';
import { bindInput } from './bind-input.ts';
import { checkModelConstraints } from './model-constraints.ts';
import { operationModels } from './service-model.ts';

/** Binds and checks as the routes do; answers the error's type and message, or undefined. */
function refusal(operation: string, body: unknown, parts: { path?: Record<string, string>; query?: Record<string, string> } = {}) {
  const input = operationModels.get(operation)?.input ?? '';
  try {
    const request = { pathParameters: parts.path ?? {}, query: parts.query ?? {}, headers: {}, body: Buffer.from(JSON.stringify(body)) };
    checkModelConstraints(input, bindInput(input, request));
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { type: error.type, message: error.message };
  }
}

const violations = (...lines: string[]) => ({
  type: 'ValidationException',
  message: `${lines.length} validation error${lines.length === 1 ? '' : 's'} detected: ${lines.join('; ')}`,
});
const createWith = (more: object) =>
  refusal('CreateFunction', { FunctionName: 'f', Role: 'arn:aws:iam::123456789012:role/any', Code: { ZipFile: '' }, ...more });

// The expected messages are recorded answers of Lambda (LocalStack, test_lambda_api.snapshot.json) with their placeholders filled in.
describe('checkModelConstraints() in the words of recorded answers', () => {
  it('prints a scalar with its path', () => {
    expect(createWith({ Role: 'r1' })).toEqual(
      violations(
        "Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+",
      ),
    );
    expect(createWith({ SnapStart: { ApplyOn: 'invalidOption' } })).toEqual(
      violations(
        "Value 'invalidOption' at 'snapStart.applyOn' failed to satisfy constraint: Member must satisfy enum value set: [PublishedVersions, None]",
      ),
    );
  });

  it('prints what is missing as null', () => {
    expect(refusal('UntagResource', {}, { path: { Resource: 'arn:aws:lambda:us-east-1:123456789012:function:f' } })).toEqual(
      violations("Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"),
    );
  });

  it('prints a list whole, with the constraint of its members', () => {
    expect(createWith({ Architectures: ['X86_64'] })).toEqual(
      violations(
        "Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
      ),
    );
    expect(createWith({ Architectures: ['x86_64', 'arm64'] })).toEqual(
      violations("Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1"),
    );
    expect(createWith({ Architectures: [null] })).toMatchObject({ message: expect.stringContaining("Value '[null]' at 'architectures'") });
  });

  it('lets the members of VPC lists be null', () => {
    expect(createWith({ VpcConfig: { SubnetIds: ['bad-format'] } })).toEqual(
      violations(
        "Value '[bad-format]' at 'vpcConfig.subnetIds' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: subnet-[0-9a-z]*]",
      ),
    );
  });

  it('prints several at once, runtimes of layers first and without their list', () => {
    const found = refusal(
      'PublishLayerVersion',
      { CompatibleRuntimes: ['invalidruntime'], CompatibleArchitectures: ['invalidarch'], Content: { ZipFile: '' } },
      { path: { LayerName: 'l' } },
    );
    expect(found?.message).toMatch(
      /^2 validation errors detected: Value '\[invalidruntime\]' at 'compatibleRuntimes' failed to satisfy constraint: Member must satisfy enum value set: \[[^\]]+\]; Value '\[invalidarch\]' at 'compatibleArchitectures' failed to satisfy constraint: Member must satisfy constraint: \[Member must satisfy enum value set: \[x86_64, arm64\], Member must not be null\]$/,
    );
  });

  it('names both when a name is too long and has a wrong form', () => {
    const name = `arn:aws:lambda:invalid-region:123456789012:function:my-function${'a'.repeat(170)}`;
    const { message = '' } = createWith({ FunctionName: name }) ?? {};
    const value = `Value '${name}' at 'functionName' failed to satisfy constraint: Member must`;
    expect(message).toMatch(/^2 validation errors detected: /);
    expect(message).toContain(`${value} have length less than or equal to 140; ${value} satisfy regular expression pattern: (arn:`);
    expect(refusal('GetFunction', {}, { path: { FunctionName: 'a'.repeat(65) } })).toBeUndefined();
  });

  it('prints maps with their doubles as Java does, keys without a word about null', () => {
    const weights = (given: object) =>
      refusal(
        'CreateAlias',
        { Name: 'a', FunctionVersion: '1', RoutingConfig: { AdditionalVersionWeights: given } },
        { path: { FunctionName: 'f' } },
      );
    const path = "at 'routingConfig.additionalVersionWeights' failed to satisfy constraint:";
    const range =
      'Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]';
    expect(weights({ 2: 2 })).toEqual(violations(`Value '{2=2.0}' ${path} ${range}`));
    expect(weights({ 2: -1 })).toEqual(violations(`Value '{2=-1.0}' ${path} ${range}`));
    expect(weights({ $LATEST: 0.5 })).toEqual(
      violations(
        `Value '{$LATEST=0.5}' ${path} Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]`,
      ),
    );
  });

  it('keeps the values of variables to itself', () => {
    expect(createWith({ Environment: { Variables: { '1BAD': 'secret' } } })).toEqual(
      violations(
        "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
      ),
    );
  });

  it.each([
    ['CreateFunctionUrlConfig', { AuthType: 'NONE', InvokeMode: 'UNKNOWN' }, '[RESPONSE_STREAM, BUFFERED]'],
    ['PutFunctionRecursionConfig', { RecursiveLoop: 'InvalidValue' }, '[Terminate, Allow]'],
    ['CreateEventSourceMapping', { FunctionName: 'f', StartingPosition: 'invalid' }, '[LATEST, AT_TIMESTAMP, TRIM_HORIZON]'],
  ])('prints the values for %s in Lambda’s order', (operation, body, printed) => {
    expect(refusal(operation, body, { path: { FunctionName: 'f' } })?.message).toMatch(
      new RegExp(`^1 validation error detected: .*Member must satisfy enum value set: ${printed.replaceAll(/[[\]]/g, '\\$&')}$`),
    );
  });
});

// The words of AWS's deserializer, as its services with JSON bodies answer them.
describe('bindInput() refuses a wrong type', () => {
  it.each([
    [{ Timeout: '3' }, 'STRING_VALUE can not be converted to an Integer'],
    [{ Timeout: 3.5 }, 'DECIMAL_VALUE can not be converted to an Integer'],
    [{ Description: 1 }, 'NUMBER_VALUE can not be converted to a String'],
    [{ Publish: 'true' }, 'STRING_VALUE can not be converted to a Boolean'],
    [{ Description: true }, 'TRUE_VALUE can not be converted to a String'],
    [{ Description: [] }, 'Start of list found where not expected'],
    [{ Description: {} }, 'Start of structure or map found where not expected.'],
    [{ Layers: 'x' }, 'Expected list or null'],
    [{ Layers: {} }, 'Start of structure or map found where not expected.'],
    [{ Tags: 'x' }, 'Expected map or null'],
    [{ VpcConfig: 'x' }, 'Expected null'],
    [{ VpcConfig: [] }, 'Start of list found where not expected'],
  ])('%j', (more, message) => {
    expect(createWith(more)).toEqual({ type: 'SerializationException', message });
  });

  it('takes null for an absent member', () => {
    expect(createWith({ Description: null, VpcConfig: null, Layers: null, Timeout: null })).toBeUndefined();
  });
});
