import { expect } from 'vitest';
import type { ClientCase, Step } from '../client-case.ts';

const publishesLayer: Step = {
  operation: 'PublishLayerVersion',
  input: ({ name, zips }) => ({ LayerName: name, Description: 'first', LicenseInfo: 'MIT', Content: { ZipFile: zips.layer } }),
  save: 'published',
};

/** What Lambda answers about the versions of layers. */
export const layerCases: readonly ClientCase[] = [
  {
    ...publishesLayer,
    rule: 'the first version of a layer is 1',
    source: 'API_PublishLayerVersion, response elements',
    expect: {
      answer: ({ name, layerArn }) => ({
        Version: 1,
        LayerArn: layerArn(name),
        LayerVersionArn: layerArn(name, 1),
        Description: 'first',
        LicenseInfo: 'MIT',
        Content: { CodeSize: expect.any(Number), CodeSha256: expect.any(String), Location: expect.any(String) },
      }),
    },
  },
  {
    rule: 'a layer needs content',
    source: 'service model, PublishLayerVersionRequest.Content is required',
    operation: 'PublishLayerVersion',
    input: ({ name }) => ({ LayerName: name }),
    expect: {
      error: {
        code: 'ValidationException',
        status: 400,
        message: "1 validation error detected: Value null at 'content' failed to satisfy constraint: Member must not be null",
      },
    },
  },
  {
    rule: 'a version is read as it was published',
    source: 'API_GetLayerVersion, response elements',
    operation: 'GetLayerVersion',
    before: [publishesLayer],
    input: ({ name }) => ({ LayerName: name, VersionNumber: 1 }),
    expect: {
      answer: ({ saved }) => ({ CreatedDate: saved('published')['CreatedDate'], LayerVersionArn: saved('published')['LayerVersionArn'] }),
    },
  },
  {
    rule: 'a version that is not there is not found',
    source: 'recorded answers, LocalStack test_lambda_api.snapshot.json',
    operation: 'GetLayerVersion',
    input: ({ name }) => ({ LayerName: name, VersionNumber: 1 }),
    expect: { error: { code: 'ResourceNotFoundException', status: 404, message: 'The resource you requested does not exist.' } },
  },
];
