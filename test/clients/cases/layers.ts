import { expect } from 'vitest';
import type { ClientCase, Scoped, Step } from '../client-case.ts';
import { createsFunction, waitsForFunction } from '../client-case.ts';

const recordings = 'recorded answers, LocalStack test_lambda_api.snapshot.json';
const invalid = (message: Scoped<string | RegExp>) => ({ error: { code: 'InvalidParameterValueException', status: 400, message } });
const notFound = { error: { code: 'ResourceNotFoundException', status: 404, message: 'The resource you requested does not exist.' } };

const publishesLayer: Step = {
  operation: 'PublishLayerVersion',
  input: ({ name, zips }) => ({ LayerName: name, Description: 'first', LicenseInfo: 'MIT', Content: { ZipFile: zips.layer } }),
  save: 'published',
};

const publishesFor = (runtimes: readonly string[], architectures: readonly string[]): Step => ({
  operation: 'PublishLayerVersion',
  input: ({ name, zips }) => ({
    LayerName: name,
    Content: { ZipFile: zips.layer },
    CompatibleRuntimes: runtimes,
    CompatibleArchitectures: architectures,
  }),
});

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
  ...[0, -1].map(
    (version): ClientCase => ({
      rule: `versions begin with 1: there is no ${version}`,
      source: recordings,
      operation: 'GetLayerVersion',
      input: ({ name }) => ({ LayerName: name, VersionNumber: version }),
      expect: invalid('Layer Version Cannot be less than 1'),
    }),
  ),
  {
    rule: 'a version is found by its ARN',
    source: recordings,
    operation: 'GetLayerVersionByArn',
    before: [publishesLayer],
    input: ({ name, layerArn }) => ({ Arn: layerArn(name, 1) }),
    expect: { answer: ({ name, layerArn, saved }) => ({ LayerArn: layerArn(name), Version: 1, CreatedDate: saved('published')['CreatedDate'] }) },
  },
  {
    rule: 'the ARN of a version that is not there finds nothing',
    source: recordings,
    operation: 'GetLayerVersionByArn',
    input: ({ name, layerArn }) => ({ Arn: layerArn(name, 2) }),
    expect: notFound,
  },
  {
    rule: 'the ARN names a version',
    source: recordings,
    operation: 'GetLayerVersionByArn',
    input: ({ name, layerArn }) => ({ Arn: layerArn(name) }),
    expect: {
      error: {
        code: 'ValidationException',
        status: 400,
        message: /^1 validation error detected: Value '.*' at 'arn' failed to satisfy constraint: .*pattern/,
      },
    },
  },
  {
    ...publishesLayer,
    rule: 'what was said of compatibility returns, also that it is none',
    source: recordings,
    input: ({ name, zips }) => ({ LayerName: name, Content: { ZipFile: zips.layer }, CompatibleRuntimes: [], CompatibleArchitectures: [] }),
    expect: { answer: { CompatibleRuntimes: [], CompatibleArchitectures: [] }, absent: ['LicenseInfo'] },
  },
  {
    rule: 'versions are listed newest first',
    source: recordings,
    operation: 'ListLayerVersions',
    before: [publishesLayer, publishesLayer],
    input: ({ name, layerArn }) => ({ LayerName: layerArn(name) }),
    expect: { answer: ({ name, layerArn }) => ({ LayerVersions: [{ Version: 2, LayerVersionArn: layerArn(name, 2) }, { Version: 1 }] }) },
  },
  {
    rule: 'a page follows the last version that was given, though it is gone and a newer one has come',
    source: 'API_ListLayerVersions, Marker',
    operation: 'ListLayerVersions',
    before: [
      publishesLayer,
      publishesLayer,
      { operation: 'ListLayerVersions', input: ({ name }) => ({ LayerName: name, MaxItems: 1 }), save: 'page' },
      { operation: 'DeleteLayerVersion', input: ({ name }) => ({ LayerName: name, VersionNumber: 2 }) },
      publishesLayer,
    ],
    input: ({ name, saved }) => ({ LayerName: name, Marker: saved('page')['NextMarker'] }),
    expect: { answer: { LayerVersions: [{ Version: 1 }] }, absent: ['NextMarker'] },
  },
  {
    rule: 'a layer that never was has no versions',
    source: recordings,
    operation: 'ListLayerVersions',
    input: ({ name }) => ({ LayerName: name }),
    expect: { answer: { LayerVersions: [] }, absent: ['NextMarker'] },
  },
  {
    rule: 'only versions that name the runtime match it',
    source: 'API_ListLayerVersions, CompatibleRuntime',
    operation: 'ListLayerVersions',
    before: [publishesFor(['python3.13'], ['x86_64']), publishesFor(['nodejs24.x'], ['arm64']), publishesLayer],
    input: ({ name }) => ({ LayerName: name, CompatibleRuntime: 'python3.13' }),
    expect: { answer: { LayerVersions: [{ Version: 1, CompatibleRuntimes: ['python3.13'] }] } },
    after: [
      {
        operation: 'ListLayerVersions',
        input: ({ name }) => ({ LayerName: name, CompatibleArchitecture: 'arm64' }),
        expect: { answer: { LayerVersions: [{ Version: 2 }] } },
      },
      {
        operation: 'ListLayerVersions',
        input: ({ name }) => ({ LayerName: name, CompatibleArchitecture: 'arm64', CompatibleRuntime: 'python3.13' }),
        expect: { answer: { LayerVersions: [] } },
      },
    ],
  },
  {
    rule: 'a marker of another list is refused',
    source: 'API_ListLayerVersions, InvalidParameterValueException',
    operation: 'ListLayerVersions',
    input: ({ name }) => ({ LayerName: name, Marker: 'nonsense' }),
    expect: invalid('Invalid pagination key.'),
  },
  {
    rule: 'a layer is listed with its newest matching version',
    source: 'API_ListLayers, LatestMatchingVersion',
    operation: 'ListLayers',
    before: [publishesFor(['java21'], ['x86_64']), publishesFor(['java21'], ['x86_64']), publishesFor(['ruby3.4'], ['x86_64'])],
    input: { CompatibleRuntime: 'java21' },
    expect: {
      answer: ({ name, layerArn }) => ({
        Layers: expect.arrayContaining([
          expect.objectContaining({
            LayerName: name,
            LayerArn: layerArn(name),
            LatestMatchingVersion: expect.objectContaining({ Version: 2, LayerVersionArn: layerArn(name, 2), CompatibleRuntimes: ['java21'] }),
          }),
        ]),
      }),
    },
  },
  {
    rule: 'a runtime that Lambda never had is refused',
    source: recordings,
    operation: 'ListLayers',
    input: { CompatibleRuntime: 'runtimedoesnotexist' },
    expect: {
      error: {
        code: 'ValidationException',
        status: 400,
        message:
          /^1 validation error detected: Value 'runtimedoesnotexist' at 'compatibleRuntime' failed to satisfy constraint: Member must satisfy enum value set/,
      },
    },
  },
  {
    rule: 'a deleted version is gone, its number is not given again, and deleting it again is no error',
    source: recordings,
    operation: 'DeleteLayerVersion',
    before: [publishesLayer],
    input: ({ name }) => ({ LayerName: name, VersionNumber: 1 }),
    expect: { answer: {} },
    after: [
      { operation: 'DeleteLayerVersion', input: ({ name }) => ({ LayerName: name, VersionNumber: 1 }), expect: { answer: {} } },
      { operation: 'GetLayerVersion', input: ({ name }) => ({ LayerName: name, VersionNumber: 1 }), expect: notFound },
      { ...publishesLayer, expect: { answer: { Version: 2 } } },
    ],
  },
  {
    rule: 'a version to delete has a number',
    source: recordings,
    operation: 'DeleteLayerVersion',
    input: ({ name }) => ({ LayerName: name, VersionNumber: -1 }),
    expect: invalid('Layer Version Cannot be less than 1'),
  },
  {
    rule: 'a function goes on with a layer version that was deleted',
    source: 'Lambda developer guide, "Deleting layers"',
    operation: 'Invoke',
    before: [
      publishesLayer,
      createsFunction(({ name, layerArn }) => ({ Layers: [layerArn(name, 1)] })),
      waitsForFunction(),
      { operation: 'DeleteLayerVersion', input: ({ name }) => ({ LayerName: name, VersionNumber: 1 }) },
      { operation: 'UpdateFunctionConfiguration', input: ({ name }) => ({ FunctionName: name, MemorySize: 256 }) },
      waitsForFunction(),
    ],
    input: ({ name }) => ({ FunctionName: name }),
    expect: { answer: { StatusCode: 200 }, absent: ['FunctionError'] },
    after: [
      {
        operation: 'GetFunctionConfiguration',
        input: ({ name }) => ({ FunctionName: name }),
        expect: { answer: ({ name, layerArn }) => ({ Layers: [{ Arn: layerArn(name, 1) }] }) },
      },
      {
        operation: 'UpdateFunctionConfiguration',
        input: ({ name, layerArn }) => ({ FunctionName: name, Layers: [layerArn(name, 1)] }),
        expect: invalid(({ name, layerArn }) => `Layer version ${layerArn(name, 1)} does not exist.`),
      },
    ],
  },
];
