import type { GetLayerVersionRequest, GetLayerVersionResponse, PublishLayerVersionRequest } from '@aws-sdk/client-lambda';
import { formatLayerArn, parseLayerReference } from '../../functions/arn.ts';
import type { LayerVersion } from '../../functions/layer-version.ts';
import { accessDenied } from '../access-denied.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { archiveLocation } from '../archive-location.ts';
import { toBase64 } from '../function-configuration-answer.ts';
import type { Operation, OperationCall, OperationServices } from '../operation.ts';
import { uploadedZip } from '../uploaded-code.ts';

/** PublishLayerVersion: builds the layer's image before it answers. */
export const publishLayerVersion: Operation<PublishLayerVersionRequest> = async (services, call) => {
  const { input, accountId } = call;
  const { limits } = services;
  const layerName = nameLayer(services, { accountId, operation: 'PublishLayerVersion', given: input.LayerName });
  const archive = uploadedZip(input.Content ?? {}, 'layer', limits);
  const layer = await services.code.build({ accountId, archive, maxUnpackedBytes: limits.unzippedBytesBelow - 1 }, (code) =>
    services.layers.publish({
      accountId,
      layerName,
      description: input.Description ?? '',
      ...(input.LicenseInfo === undefined ? {} : { licenseInfo: input.LicenseInfo }),
      compatibleRuntimes: input.CompatibleRuntimes ?? [],
      compatibleArchitectures: input.CompatibleArchitectures ?? [],
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
  const layer = await services.layers.find({ accountId, layerName, version: input.VersionNumber ?? 0 });
  if (layer === undefined) throw new ApiError('ResourceNotFoundException', 'The resource you requested does not exist.');
  return { body: await layerVersionAnswer(services, call, layer) };
};

async function layerVersionAnswer(services: OperationServices, call: OperationCall<unknown>, layer: LayerVersion): Promise<GetLayerVersionResponse> {
  const { accountId, layerName, version, code } = layer;
  const { region } = services;
  return {
    Content: {
      Location: await archiveLocation(services, call, { accountId, archiveDigest: code.archiveDigest }),
      CodeSha256: toBase64(code.archiveDigest),
      CodeSize: code.archiveBytes,
    },
    LayerArn: formatLayerArn({ region, accountId, layerName }),
    LayerVersionArn: formatLayerArn({ region, accountId, layerName, version }),
    Description: layer.description,
    CreatedDate: layer.createdDate.replace('Z', '+0000'),
    Version: version,
    ...(layer.compatibleRuntimes.length === 0
      ? {}
      : { CompatibleRuntimes: [...layer.compatibleRuntimes] as NonNullable<GetLayerVersionResponse['CompatibleRuntimes']> }),
    ...(layer.compatibleArchitectures.length === 0
      ? {}
      : { CompatibleArchitectures: [...layer.compatibleArchitectures] as NonNullable<GetLayerVersionResponse['CompatibleArchitectures']> }),
    ...(layer.licenseInfo === undefined ? {} : { LicenseInfo: layer.licenseInfo }),
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
