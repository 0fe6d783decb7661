import { InvalidArgumentError } from 'commander';
import { parseLayerReference, parseLayerVersionArn } from '../functions/arn.ts';

/** One version of a layer, in Lambda's words. */
export interface LayerVersionName {
  /** Name or ARN, without a version. */
  readonly LayerName: string;
  readonly VersionNumber: number;
}

/** Reads `NAME:VERSION` or the ARN of a layer version. */
export function layerVersion(value: string): LayerVersionName {
  const [, LayerName = '', digits = ''] = /^(.+):(\d{1,15})$/.exec(value) ?? [];
  const known = parseLayerVersionArn(value) !== undefined || parseLayerReference(LayerName) !== undefined;
  if (!known || digits === '') throw new InvalidArgumentError('It takes NAME:VERSION, such as greeting:3, or the ARN of a layer version.');
  return { LayerName, VersionNumber: Number(digits) };
}
