import type { Operation } from './operation.ts';
import { getAccountSettings } from './operations/account-settings.ts';
import { createAlias, deleteAlias, getAlias, listAliases, updateAlias } from './operations/aliases.ts';
import { createFunction } from './operations/create-function.ts';
import { deleteFunction } from './operations/delete-function.ts';
import { addPermission, getPolicy, removePermission } from './operations/function-permissions.ts';
import { invokeFunction } from './operations/invoke-function.ts';
import { addLayerVersionPermission, getLayerVersionPolicy, removeLayerVersionPermission } from './operations/layer-permissions.ts';
import {
  deleteLayerVersion,
  getLayerVersion,
  getLayerVersionByArn,
  listLayers,
  listLayerVersions,
  publishLayerVersion,
} from './operations/layer-versions.ts';
import { publishVersion } from './operations/publish-version.ts';
import { getFunction, getFunctionConfiguration, listFunctions, listVersionsByFunction } from './operations/read-function.ts';
import { listTags, tagResource, untagResource } from './operations/tags.ts';
import { updateFunctionCode, updateFunctionConfiguration } from './operations/update-function.ts';

// biome-ignore lint/suspicious/noExplicitAny: each operation has its own input type; the service model says what it is given
type AnyOperation = Operation<any>;

/** The operations that are served; every other of the service model answers that it is not supported. */
export const supportedOperations: ReadonlyMap<string, AnyOperation> = new Map<string, AnyOperation>([
  ['AddLayerVersionPermission', addLayerVersionPermission],
  ['AddPermission', addPermission],
  ['CreateAlias', createAlias],
  ['CreateFunction', createFunction],
  ['DeleteAlias', deleteAlias],
  ['DeleteFunction', deleteFunction],
  ['DeleteLayerVersion', deleteLayerVersion],
  ['GetAccountSettings', getAccountSettings],
  ['GetAlias', getAlias],
  ['GetFunction', getFunction],
  ['GetFunctionConfiguration', getFunctionConfiguration],
  ['GetLayerVersion', getLayerVersion],
  ['GetLayerVersionByArn', getLayerVersionByArn],
  ['GetLayerVersionPolicy', getLayerVersionPolicy],
  ['GetPolicy', getPolicy],
  ['Invoke', invokeFunction],
  ['ListAliases', listAliases],
  ['ListFunctions', listFunctions],
  ['ListLayers', listLayers],
  ['ListLayerVersions', listLayerVersions],
  ['ListTags', listTags],
  ['ListVersionsByFunction', listVersionsByFunction],
  ['PublishLayerVersion', publishLayerVersion],
  ['PublishVersion', publishVersion],
  ['RemoveLayerVersionPermission', removeLayerVersionPermission],
  ['RemovePermission', removePermission],
  ['TagResource', tagResource],
  ['UntagResource', untagResource],
  ['UpdateAlias', updateAlias],
  ['UpdateFunctionCode', updateFunctionCode],
  ['UpdateFunctionConfiguration', updateFunctionConfiguration],
]);
