import { expect } from 'vitest';
import { type ClientCase, createsFunction, functionInput, type Step } from '../client-case.ts';

const functionGuide = 'developer guide, "Granting Lambda function access to other accounts"';
const layerGuide = 'developer guide, "Granting layer access to other accounts"';
const allows = (Action: string): Step => ({
  operation: 'AddPermission',
  input: ({ name, otherAccountId }) => ({ FunctionName: name, StatementId: 'other', Action, Principal: otherAccountId }),
});
const publishesLayer: Step = {
  operation: 'PublishLayerVersion',
  input: ({ name, zips }) => ({ LayerName: name, Content: { ZipFile: zips.layer } }),
};
const allowsLayer: Step = {
  operation: 'AddLayerVersionPermission',
  input: ({ name, otherAccountId }) => ({
    LayerName: name,
    VersionNumber: 1,
    StatementId: 's1',
    Action: 'lambda:GetLayerVersion',
    Principal: otherAccountId,
  }),
};
const denied = (message: RegExp) => ({ error: { code: 'AccessDeniedException', status: 403, message } }) as const;

/** What a policy lets another account do, and what not. */
export const sharingCases: readonly ClientCase[] = [
  {
    rule: 'another account runs by ARN what the policy allows it',
    source: functionGuide,
    operation: 'Invoke',
    as: 'other',
    before: [createsFunction(), allows('lambda:InvokeFunction')],
    input: ({ name, functionArn }) => ({ FunctionName: functionArn(name), Payload: '{"a":1}' }),
    expect: { answer: { StatusCode: 200, Payload: '{"a":1}' } },
  },
  {
    rule: 'one action of another account is not the next',
    source: functionGuide,
    operation: 'GetFunction',
    as: 'other',
    before: [createsFunction(), allows('lambda:InvokeFunction')],
    input: ({ name, functionArn }) => ({ FunctionName: functionArn(name) }),
    expect: denied(/is not authorized to perform: lambda:GetFunction on resource: .* because no resource-based policy allows/),
  },
  {
    rule: 'lambda:* lets no other account change the configuration',
    source: 'awsdocs/aws-lambda-developer-guide, issue 139',
    operation: 'UpdateFunctionConfiguration',
    as: 'other',
    before: [createsFunction(), allows('lambda:*')],
    input: ({ name, functionArn }) => ({ FunctionName: functionArn(name), Timeout: 9 }),
    expect: denied(/lambda:UpdateFunctionConfiguration/),
  },
  {
    rule: 'FunctionUrlAuthType is a condition of lambda:InvokeFunctionUrl only',
    source: 'answer of AWS quoted in RJPearson94/terraform-aws-open-next, issue 73',
    operation: 'AddPermission',
    input: ({ shared }) => ({
      FunctionName: shared,
      StatementId: 'url',
      Action: 'lambda:InvokeFunction',
      Principal: '*',
      FunctionUrlAuthType: 'NONE',
    }),
    expect: {
      error: {
        code: 'InvalidParameterValueException',
        status: 400,
        message: 'FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action',
      },
    },
  },
  {
    rule: 'another account reads a layer version that the policy allows it',
    source: layerGuide,
    operation: 'GetLayerVersion',
    as: 'other',
    before: [publishesLayer, allowsLayer],
    input: ({ name, layerArn }) => ({ LayerName: layerArn(name), VersionNumber: 1 }),
    expect: { answer: ({ name, layerArn }) => ({ LayerVersionArn: layerArn(name, 1) }) },
  },
  {
    rule: 'another account uses a layer that the policy allows it',
    source: layerGuide,
    operation: 'CreateFunction',
    as: 'other',
    before: [publishesLayer, allowsLayer],
    input: (scope) => ({ ...functionInput(scope), Layers: [scope.layerArn(scope.name, 1)] }),
    expect: { answer: ({ name, layerArn }) => ({ Layers: [expect.objectContaining({ Arn: layerArn(name, 1) })] }) },
    after: [{ operation: 'DeleteFunction', as: 'other', input: ({ name }) => ({ FunctionName: name }) }],
  },
  {
    rule: 'another account uses no layer without a policy',
    source: layerGuide,
    operation: 'CreateFunction',
    as: 'other',
    before: [publishesLayer],
    input: (scope) => ({ ...functionInput(scope), Layers: [scope.layerArn(scope.name, 1)] }),
    expect: denied(/is not authorized to perform: lambda:GetLayerVersion on resource: /),
  },
];
