import type {
  Architecture,
  DeleteLayerVersionRequest,
  GetLayerVersionByArnRequest,
  GetLayerVersionRequest,
  GetLayerVersionResponse,
  LayerVersionsListItem,
  ListLayersRequest,
  ListLayerVersionsRequest,
  PublishLayerVersionRequest,
  Runtime,
} from '@aws-sdk/client-lambda';
import { formatLayerArn, parseLayerReference, parseLayerVersionArn } from '../../functions/arn.ts';
import type { LayerVersion } from '../../functions/layer-version.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { archiveLocation } from '../code/archive-location.ts';
import { receivedZip } from '../code/uploaded-code.ts';
import { toBase64 } from '../function-configuration/function-configuration-answer.ts';
import type { Operation, OperationCall, OperationServices } from '../operation.ts';
import { readPage } from '../pagination.ts';
import { accessDenied } from '../policies/access-denied.ts';

/** PublishLayerVersion: builds the layer's image before it answers. */
export const publishLayerVersion: Operation<PublishLayerVersionRequest> = async (services, call) => {
  const { input, accountId } = call;
  const { limits } = services;
  const layerName = nameLayer(services, { accountId, operation: 'PublishLayerVersion', given: input.LayerName });
  const archive = await receivedZip(services, input.Content ?? {}, { accountId, what: 'layer' });
  const layer = await services.code.build({ accountId, archive, maxUnpackedBytes: limits.unzippedBytesBelow - 1 }, (code) =>
    services.layers.publish({
      accountId,
      layerName,
      description: input.Description ?? '',
      ...(input.LicenseInfo === undefined ? {} : { licenseInfo: input.LicenseInfo }),
      ...(input.CompatibleRuntimes === undefined ? {} : { compatibleRuntimes: input.CompatibleRuntimes }),
      ...(input.CompatibleArchitectures === undefined ? {} : { compatibleArchitectures: input.CompatibleArchitectures }),
      createdDate: new Date(services.clock()).toISOString(),
      code,
    }),
  );
  return { body: await layerVersionAnswer(services, call, layer) };
};

/** GetLayerVersion. */
export const getLayerVersion: Operation<GetLayerVersionRequest> = async (services, call) => {
  const { input, accountId } = call;
  const layerName = nameLayer(services, { accountId, operation: 'GetLayerVersion', given: input.LayerName });
  return { body: await foundLayerVersion(services, call, { accountId, layerName, version: checkedVersion(input.VersionNumber) }) };
};

/** GetLayerVersionByArn. */
export const getLayerVersionByArn: Operation<GetLayerVersionByArnRequest> = async (services, call) => {
  const { Arn = '' } = call.input;
  const reference = parseLayerVersionArn(Arn);
  if (reference === undefined) throw invalidParameter(`Invalid layer version ${Arn}`);
  if (reference.region !== services.region || reference.accountId !== call.accountId) throw layerVersionNotFound();
  return { body: await foundLayerVersion(services, call, { ...reference, version: checkedVersion(reference.version) }) };
};

/** DeleteLayerVersion: functions that use the version go on; a version that is not there is as good as deleted. */
export const deleteLayerVersion: Operation<DeleteLayerVersionRequest> = async (services, { input, accountId }) => {
  const layerName = nameLayer(services, { accountId, operation: 'DeleteLayerVersion', given: input.LayerName });
  if (await services.layers.remove({ accountId, layerName, version: checkedVersion(input.VersionNumber) })) services.code.sweep(accountId);
  return { status: 204 };
};

/** ListLayers: by name, each with the newest version that matches. */
export const listLayers: Operation<ListLayersRequest> = async (services, { input, accountId }) => {
  const { region } = services;
  const filter = { runtime: input.CompatibleRuntime, architecture: input.CompatibleArchitecture };
  const { items, nextMarker } = await readPage({
    list: 'ListLayers',
    marker: input.Marker,
    maxItems: input.MaxItems,
    place: [/^[a-zA-Z0-9-_]{1,140}$/],
    placeOf: (layer: LayerVersion) => [layer.layerName],
    read: (after, limit) => services.layers.list(accountId, { filter, after: after?.[0], limit }),
  });
  const Layers = items.map((layer) => ({
    LayerName: layer.layerName,
    LayerArn: formatLayerArn({ region, accountId, layerName: layer.layerName }),
    LatestMatchingVersion: listedLayerVersion(layer, region),
  }));
  return { body: { Layers, ...(nextMarker === undefined ? {} : { NextMarker: nextMarker }) } };
};

/** ListLayerVersions: newest first; a layer that never was has none. */
export const listLayerVersions: Operation<ListLayerVersionsRequest> = async (services, { input, accountId }) => {
  const layerName = nameLayer(services, { accountId, operation: 'ListLayerVersions', given: input.LayerName });
  const filter = { runtime: input.CompatibleRuntime, architecture: input.CompatibleArchitecture };
  const { items, nextMarker } = await readPage({
    list: 'ListLayerVersions',
    marker: input.Marker,
    maxItems: input.MaxItems,
    place: [/^\d{1,15}$/],
    placeOf: (layer: LayerVersion) => [String(layer.version)],
    read: ([below] = [], limit) =>
      services.layers.listVersions({ accountId, layerName }, { filter, below: below === undefined ? undefined : Number(below), limit }),
  });
  const LayerVersions = items.map((layer) => listedLayerVersion(layer, services.region));
  return { body: { LayerVersions, ...(nextMarker === undefined ? {} : { NextMarker: nextMarker }) } };
};

async function foundLayerVersion(
  services: OperationServices,
  call: OperationCall<unknown>,
  key: { accountId: string; layerName: string; version: number },
): Promise<GetLayerVersionResponse> {
  const layer = await services.layers.find(key);
  if (layer === undefined) throw layerVersionNotFound();
  return layerVersionAnswer(services, call, layer);
}

function layerVersionNotFound(): ApiError {
  return new ApiError('ResourceNotFoundException', 'The resource you requested does not exist.');
}

function checkedVersion(version = 0): number {
  if (version < 1) throw invalidParameter('Layer Version Cannot be less than 1');
  return version;
}

async function layerVersionAnswer(services: OperationServices, call: OperationCall<unknown>, layer: LayerVersion): Promise<GetLayerVersionResponse> {
  const { accountId, layerName, code } = layer;
  const { region } = services;
  return {
    Content: {
      Location: await archiveLocation(services, call, { accountId, archiveDigest: code.archiveDigest }),
      CodeSha256: toBase64(code.archiveDigest),
      CodeSize: code.archiveBytes,
    },
    LayerArn: formatLayerArn({ region, accountId, layerName }),
    ...listedLayerVersion(layer, region),
  };
}

/** What lists tell of a layer version. */
function listedLayerVersion(layer: LayerVersion, region: string): LayerVersionsListItem {
  const { accountId, layerName, version, compatibleRuntimes, compatibleArchitectures, licenseInfo } = layer;
  return {
    LayerVersionArn: formatLayerArn({ region, accountId, layerName, version }),
    Version: version,
    Description: layer.description,
    CreatedDate: layer.createdDate.replace('Z', '+0000'),
    ...(compatibleRuntimes === undefined ? {} : { CompatibleRuntimes: [...compatibleRuntimes] as Runtime[] }),
    ...(compatibleArchitectures === undefined ? {} : { CompatibleArchitectures: [...compatibleArchitectures] as Architecture[] }),
    ...(licenseInfo === undefined ? {} : { LicenseInfo: licenseInfo }),
  };
}

/** The name of a layer that a request gives, as name or ARN. Throws when it is neither, or of another account. */
export function nameLayer(services: OperationServices, request: { accountId: string; operation: string; given: string | undefined }): string {
  const reference = parseLayerReference(request.given ?? '');
  if (reference === undefined) throw invalidParameter(`Invalid Layer name: ${request.given}`);
  if ((reference.accountId ?? request.accountId) !== request.accountId || (reference.region ?? services.region) !== services.region) {
    throw accessDenied({
      user: `arn:aws:iam::${request.accountId}:root`,
      operation: request.operation,
      resource: request.given ?? '',
      policy: 'resource',
    });
  }
  return reference.layerName;
}
