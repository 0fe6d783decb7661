import type { Operation } from './operation.ts';
import { getAccountSettings } from './operations/account-settings.ts';
import { createAlias, deleteAlias, getAlias, listAliases, updateAlias } from './operations/aliases.ts';
import {
  createCodeSigningConfig,
  deleteCodeSigningConfig,
  getCodeSigningConfig,
  listCodeSigningConfigs,
  listFunctionsByCodeSigningConfig,
  updateCodeSigningConfig,
} from './operations/code-signing-configs.ts';
import { createFunction } from './operations/create-function.ts';
import { deleteFunction } from './operations/delete-function.ts';
import {
  deleteFunctionEventInvokeConfig,
  getFunctionEventInvokeConfig,
  listFunctionEventInvokeConfigs,
  putFunctionEventInvokeConfig,
  updateFunctionEventInvokeConfig,
} from './operations/event-invoke-configs.ts';
import { deleteFunctionCodeSigningConfig, getFunctionCodeSigningConfig, putFunctionCodeSigningConfig } from './operations/function-code-signing.ts';
import {
  deleteFunctionConcurrency,
  getFunctionConcurrency,
  getFunctionRecursionConfig,
  putFunctionConcurrency,
  putFunctionRecursionConfig,
} from './operations/function-concurrency.ts';
import { addPermission, getPolicy, removePermission } from './operations/function-permissions.ts';
import {
  createFunctionUrlConfig,
  deleteFunctionUrlConfig,
  getFunctionUrlConfig,
  listFunctionUrlConfigs,
  updateFunctionUrlConfig,
} from './operations/function-url-configs.ts';
import { invokeAsync } from './operations/invoke-async.ts';
import { invokeFunction, invokeWithResponseStream } from './operations/invoke-function.ts';
import { addLayerVersionPermission, getLayerVersionPolicy, removeLayerVersionPermission } from './operations/layer-permissions.ts';
import {
  deleteLayerVersion,
  getLayerVersion,
  getLayerVersionByArn,
  listLayers,
  listLayerVersions,
  publishLayerVersion,
} from './operations/layer-versions.ts';
import {
  deleteProvisionedConcurrencyConfig,
  getProvisionedConcurrencyConfig,
  listProvisionedConcurrencyConfigs,
  putProvisionedConcurrencyConfig,
} from './operations/provisioned-concurrency.ts';
import { publishVersion } from './operations/publish-version.ts';
import { getFunction, getFunctionConfiguration, listFunctions, listVersionsByFunction } from './operations/read-function.ts';
import { getRuntimeManagementConfig, putRuntimeManagementConfig } from './operations/runtime-management.ts';
import { listTags, tagResource, untagResource } from './operations/tags.ts';
import { updateFunctionCode, updateFunctionConfiguration } from './operations/update-function.ts';

// biome-ignore lint/suspicious/noExplicitAny: each operation has its own input type; the service model says what it is given
type AnyOperation = Operation<any>;

/** The operations that are served; every other of the service model answers that it is not supported. */
export const supportedOperations: ReadonlyMap<string, AnyOperation> = new Map<string, AnyOperation>([
  ['AddLayerVersionPermission', addLayerVersionPermission],
  ['AddPermission', addPermission],
  ['CreateAlias', createAlias],
  ['CreateCodeSigningConfig', createCodeSigningConfig],
  ['CreateFunction', createFunction],
  ['CreateFunctionUrlConfig', createFunctionUrlConfig],
  ['DeleteAlias', deleteAlias],
  ['DeleteCodeSigningConfig', deleteCodeSigningConfig],
  ['DeleteFunction', deleteFunction],
  ['DeleteLayerVersion', deleteLayerVersion],
  ['GetAccountSettings', getAccountSettings],
  ['DeleteFunctionCodeSigningConfig', deleteFunctionCodeSigningConfig],
  ['DeleteFunctionConcurrency', deleteFunctionConcurrency],
  ['DeleteProvisionedConcurrencyConfig', deleteProvisionedConcurrencyConfig],
  ['DeleteFunctionUrlConfig', deleteFunctionUrlConfig],
  ['GetAlias', getAlias],
  ['DeleteFunctionEventInvokeConfig', deleteFunctionEventInvokeConfig],
  ['GetCodeSigningConfig', getCodeSigningConfig],
  ['GetFunction', getFunction],
  ['GetFunctionCodeSigningConfig', getFunctionCodeSigningConfig],
  ['GetFunctionConcurrency', getFunctionConcurrency],
  ['GetFunctionConfiguration', getFunctionConfiguration],
  ['GetFunctionEventInvokeConfig', getFunctionEventInvokeConfig],
  ['GetFunctionRecursionConfig', getFunctionRecursionConfig],
  ['GetFunctionUrlConfig', getFunctionUrlConfig],
  ['GetLayerVersion', getLayerVersion],
  ['GetLayerVersionByArn', getLayerVersionByArn],
  ['GetLayerVersionPolicy', getLayerVersionPolicy],
  ['GetPolicy', getPolicy],
  ['GetRuntimeManagementConfig', getRuntimeManagementConfig],
  ['Invoke', invokeFunction],
  ['GetProvisionedConcurrencyConfig', getProvisionedConcurrencyConfig],
  ['ListAliases', listAliases],
  ['InvokeAsync', invokeAsync],
  ['InvokeWithResponseStream', invokeWithResponseStream],
  ['ListCodeSigningConfigs', listCodeSigningConfigs],
  ['ListFunctionEventInvokeConfigs', listFunctionEventInvokeConfigs],
  ['ListFunctionUrlConfigs', listFunctionUrlConfigs],
  ['ListFunctions', listFunctions],
  ['ListLayers', listLayers],
  ['ListLayerVersions', listLayerVersions],
  ['ListTags', listTags],
  ['ListFunctionsByCodeSigningConfig', listFunctionsByCodeSigningConfig],
  ['ListProvisionedConcurrencyConfigs', listProvisionedConcurrencyConfigs],
  ['ListVersionsByFunction', listVersionsByFunction],
  ['PublishLayerVersion', publishLayerVersion],
  ['PublishVersion', publishVersion],
  ['RemoveLayerVersionPermission', removeLayerVersionPermission],
  ['RemovePermission', removePermission],
  ['TagResource', tagResource],
  ['UntagResource', untagResource],
  ['PutFunctionCodeSigningConfig', putFunctionCodeSigningConfig],
  ['PutFunctionConcurrency', putFunctionConcurrency],
  ['PutFunctionEventInvokeConfig', putFunctionEventInvokeConfig],
  ['PutFunctionRecursionConfig', putFunctionRecursionConfig],
  ['PutProvisionedConcurrencyConfig', putProvisionedConcurrencyConfig],
  ['PutRuntimeManagementConfig', putRuntimeManagementConfig],
  ['UpdateAlias', updateAlias],
  ['UpdateCodeSigningConfig', updateCodeSigningConfig],
  ['UpdateFunctionCode', updateFunctionCode],
  ['UpdateFunctionConfiguration', updateFunctionConfiguration],
  ['UpdateFunctionEventInvokeConfig', updateFunctionEventInvokeConfig],
  ['UpdateFunctionUrlConfig', updateFunctionUrlConfig],
]);
