/** The version that follows every change. */
export const latestVersion = '$LATEST';

/** A function as a client names it: every part but the name may be missing. */
export interface FunctionReference {
  readonly functionName: string;
  readonly region?: string;
  readonly accountId?: string;
  readonly qualifier?: string;
}

/** A layer version as an ARN names it. */
export interface LayerVersionReference {
  readonly region: string;
  readonly accountId: string;
  readonly layerName: string;
  readonly version: number;
}

const region = '(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\\d';
const functionPattern = new RegExp(
  `^(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?(?:(?<region>${region}):)?(?:(?<accountId>\\d{12}):)?(?:function:)?` +
    '(?<functionName>[a-zA-Z0-9-_.]+)(?::(?<qualifier>\\$LATEST(?:\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?$',
);
const layerVersionPattern = new RegExp(
  `^arn:(?:aws[a-zA-Z-]*)?:lambda:(?<region>${region}):(?<accountId>\\d{12}):layer:(?<layerName>[a-zA-Z0-9-_]{1,140}):(?<version>\\d{1,15})$`,
);
const layerPattern = new RegExp(
  `^(?:arn:(?:aws[a-zA-Z-]*)?:lambda:(?<region>${region}):(?<accountId>\\d{12}):layer:)?(?<layerName>[a-zA-Z0-9-_]{1,140})$`,
);

/** Reads a name, a partial ARN or a full ARN, with or without a qualifier; undefined when it is none of them. */
export function parseFunctionReference(text: string): FunctionReference | undefined {
  const groups = functionPattern.exec(text)?.groups;
  const functionName = groups?.['functionName'];
  if (groups === undefined || functionName === undefined) return undefined;
  return { functionName, ...present('region', groups), ...present('accountId', groups), ...present('qualifier', groups) };
}

/** Reads the ARN of a layer version; undefined when it is none. */
export function parseLayerVersionArn(text: string): LayerVersionReference | undefined {
  const groups = layerVersionPattern.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const { region, accountId, layerName, version } = groups;
  if (region === undefined || accountId === undefined || layerName === undefined) return undefined;
  return { region, accountId, layerName, version: Number(version) };
}

/** Reads a layer's name or ARN, without a version; undefined when it is neither. */
export function parseLayerReference(
  text: string,
): (Omit<FunctionReference, 'functionName' | 'qualifier'> & { readonly layerName: string }) | undefined {
  const groups = layerPattern.exec(text)?.groups;
  const layerName = groups?.['layerName'];
  if (groups === undefined || layerName === undefined) return undefined;
  return { layerName, ...present('region', groups), ...present('accountId', groups) };
}

/** `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`. */
export function formatFunctionArn(parts: { region: string; accountId: string; functionName: string; qualifier?: string | undefined }): string {
  const unqualified = `arn:aws:lambda:${parts.region}:${parts.accountId}:function:${parts.functionName}`;
  return parts.qualifier === undefined ? unqualified : `${unqualified}:${parts.qualifier}`;
}

/** `arn:aws:lambda:REGION:ACCOUNT:layer:NAME[:VERSION]`. */
export function formatLayerArn(parts: { region: string; accountId: string; layerName: string; version?: number | undefined }): string {
  const unversioned = `arn:aws:lambda:${parts.region}:${parts.accountId}:layer:${parts.layerName}`;
  return parts.version === undefined ? unversioned : `${unversioned}:${parts.version}`;
}

function present<Key extends string>(key: Key, groups: Readonly<Record<string, string | undefined>>): { readonly [K in Key]?: string } {
  const value = groups[key];
  return (value === undefined ? {} : { [key]: value }) as { readonly [K in Key]?: string };
}
