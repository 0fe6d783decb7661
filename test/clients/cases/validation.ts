import type { ClientCase, Expectation } from '../client-case.ts';
import { functionInput } from '../client-case.ts';

const recordings = 'recorded answers, LocalStack test_lambda_api.snapshot.json';
const model = 'service model, constraints of the member';
const inSdk = 'its serializer turns the value into what the model wants';

const violations = (...lines: readonly string[]): Expectation => ({
  error: {
    code: 'ValidationException',
    status: 400,
    message: `${lines.length} validation error${lines.length === 1 ? '' : 's'} detected: ${lines.join('; ')}`,
  },
});
const invalid = (message: string | RegExp): Expectation => ({ error: { code: 'InvalidParameterValueException', status: 400, message } });
const creates = (rule: string, more: Readonly<Record<string, unknown>>, expected: Expectation, source = recordings): ClientCase => ({
  rule,
  source,
  operation: 'CreateFunction',
  input: (scope) => ({ ...functionInput(scope), ...more }),
  expect: expected,
  // A refused creation leaves nothing.
  after: [
    {
      operation: 'GetFunctionConfiguration',
      input: ({ name }) => ({ FunctionName: name }),
      expect: { error: { code: 'ResourceNotFoundException', status: 404, message: /^Function not found: / } },
    },
  ],
});
const rolePattern = 'arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+';

/** The constraints of the service model, then the service's own, in Lambda's words. */
export const validationCases: readonly ClientCase[] = [
  creates(
    'a role has the form of a role',
    { Role: 'r1' },
    violations(`Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: ${rolePattern}`),
  ),
  creates(
    'an architecture is one of two, in lower case',
    { Architectures: ['X86_64'] },
    violations(
      "Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
    ),
  ),
  creates(
    'a function has one architecture',
    { Architectures: ['x86_64', 'arm64'] },
    violations("Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1"),
  ),
  creates(
    'SnapStart applies to published versions or to none',
    { SnapStart: { ApplyOn: 'invalidOption' } },
    violations(
      "Value 'invalidOption' at 'snapStart.applyOn' failed to satisfy constraint: Member must satisfy enum value set: [PublishedVersions, None]",
    ),
  ),
  creates(
    'subnets have the form of subnets',
    { VpcConfig: { SubnetIds: ['bad-format'], SecurityGroupIds: [] } },
    violations(
      "Value '[bad-format]' at 'vpcConfig.subnetIds' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: subnet-[0-9a-z]*]",
    ),
  ),
  creates(
    'a number has bounds',
    { Timeout: 0 },
    violations("Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1"),
    model,
  ),
  creates(
    'a text has a longest length',
    { Description: 'd'.repeat(257) },
    violations(`Value '${'d'.repeat(257)}' at 'description' failed to satisfy constraint: Member must have length less than or equal to 256`),
    model,
  ),
  creates(
    'variables have names, and their values are not repeated',
    { Environment: { Variables: { '1BAD': 'secret' } } },
    violations(
      "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
    ),
    'message reported by users, trek10inc/serverless-secrets issue 39',
  ),
  {
    ...creates(
      'several are told at once, in the order of the model',
      { Role: 'r1', MemorySize: 1, PackageType: 'Rar' },
      violations(
        `Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: ${rolePattern}`,
        "Value '1' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128",
        "Value 'Rar' at 'packageType' failed to satisfy constraint: Member must satisfy enum value set: [Zip, Image]",
      ),
      model,
    ),
  },
  {
    rule: 'runtimes of layers are told before architectures',
    source: recordings,
    operation: 'PublishLayerVersion',
    input: ({ name, zips }) => ({
      LayerName: name,
      Content: { ZipFile: zips.layer },
      CompatibleRuntimes: ['invalidruntime'],
      CompatibleArchitectures: ['invalidarch'],
    }),
    expect: {
      error: {
        code: 'ValidationException',
        status: 400,
        message:
          /^2 validation errors detected: Value '\[invalidruntime\]' at 'compatibleRuntimes' failed to satisfy constraint: Member must satisfy enum value set: \[[^\]]*nodejs24\.x[^\]]*\]; Value '\[invalidarch\]' at 'compatibleArchitectures' failed to satisfy constraint: Member must satisfy constraint: \[Member must satisfy enum value set: \[x86_64, arm64\], Member must not be null\]$/,
      },
    },
  },
  {
    rule: 'a qualifier has at most 128 characters',
    source: recordings,
    operation: 'GetFunction',
    input: { FunctionName: 'my-function', Qualifier: 'a'.repeat(129) },
    expect: violations(`Value '${'a'.repeat(129)}' at 'qualifier' failed to satisfy constraint: Member must have length less than or equal to 128`),
  },
  {
    rule: 'a name has the form of a name',
    source: recordings,
    operation: 'GetFunction',
    input: { FunctionName: '*' },
    expect: violations(
      "Value '*' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?",
    ),
  },
  creates(
    'a new name has at most 64 characters',
    { FunctionName: 'a'.repeat(65) },
    invalid(
      `1 validation error detected: Value '${'a'.repeat(65)}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64`,
    ),
  ),
  {
    rule: 'a name of 65 characters is only not found',
    source: recordings,
    operation: 'GetFunction',
    input: { FunctionName: 'a'.repeat(65) },
    expect: { error: { code: 'ResourceNotFoundException', status: 404, message: /^Function not found: .*:function:a{65}$/ } },
  },
  creates(
    'a runtime is one there is',
    { Runtime: 'non-existent-runtime' },
    invalid(
      /^Value non-existent-runtime at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: \[.*nodejs24\.x.*\] or be a valid ARN$/,
    ),
  ),
  creates(
    'at most five layers',
    { Layers: Array.from({ length: 6 }, (_, n) => `arn:aws:lambda:us-east-1:123456789012:layer:l${n}:1`) },
    invalid('Cannot reference more than 5 layers.'),
  ),
  creates(
    'a layer is there',
    { Layers: ['arn:aws:lambda:us-east-1:123456789012:layer:doesnotexist:1'] },
    invalid('Layer version arn:aws:lambda:us-east-1:123456789012:layer:doesnotexist:1 does not exist.'),
  ),
  creates(
    'variables have at most 4 KB',
    { Environment: { Variables: { SMALL_VAR: 'ok', LARGE_VAR: 'x'.repeat(4_096) } } },
    invalid(/exceeded the 4KB limit\. String measured: \{"SMALL_VAR":"ok","LARGE_VAR":"x+"\}$/),
  ),
  creates(
    'variables that Lambda sets are reserved',
    { Environment: { Variables: { AWS_REGION: 'x' } } },
    invalid(
      'Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION',
    ),
    'AWS Lambda Developer Guide, defined runtime environment variables',
  ),
  {
    ...creates(
      'code is a zip',
      { Code: { ZipFile: Buffer.from('no zip') } },
      invalid('Could not unzip uploaded file. Please check your file, then try to upload again.'),
    ),
    except: { cli: 'it opens the zip itself before it sends it' },
  },
  {
    ...creates(
      'a number is a number',
      { Timeout: 'three' },
      { error: { code: 'SerializationException', status: 400, message: 'STRING_VALUE can not be converted to an Integer' } },
      'words of AWS’s deserializer, as reported by users: aws/aws-cdk pull request 27087',
    ),
    except: { javascript: inSdk },
  },
  {
    rule: 'the qualifier in a name and the one beside it are the same',
    source: recordings,
    operation: 'GetFunction',
    input: ({ functionArn, shared }) => ({ FunctionName: functionArn(shared, '$LATEST'), Qualifier: '1' }),
    expect: invalid('The derived qualifier from the function name does not match the specified qualifier.'),
  },
  {
    rule: 'a function of another region is not reachable',
    source: recordings,
    operation: 'GetFunction',
    input: ({ accountId, shared }) => ({ FunctionName: `arn:aws:lambda:ap-southeast-1:${accountId}:function:${shared}` }),
    expect: {
      error: {
        code: 'ResourceNotFoundException',
        status: 404,
        message: "Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')",
      },
    },
  },
  {
    rule: 'an event is JSON',
    source: `${recordings}; the reason after the colon is our parser’s`,
    operation: 'Invoke',
    input: ({ shared }) => ({ FunctionName: shared, Payload: Buffer.from('{"a":') }),
    expect: {
      error: { code: 'InvalidRequestContentException', status: 400, message: /^Could not parse request body into json: /, members: { Type: 'User' } },
    },
  },
];
