/**
 * Members that Lambda sends in every answer of a kind, beyond those its service model calls required. The model marks few of them.
 *
 * Source, unless a line names another: recordings of real answers in the snapshot tests of LocalStack (tests/aws/services/lambda_, `aws_validated`
 * snapshots of 2022 to 2026). A member stands here when every one of the recorded answers has it.
 */
export const alwaysSentByShape: Readonly<Record<string, readonly string[]>> = {
  // 331 recordings of functions, 17 of them in lists.
  FunctionConfiguration: [
    'FunctionName',
    'FunctionArn',
    'Role',
    'CodeSize',
    'Description',
    'Timeout',
    'MemorySize',
    'LastModified',
    'CodeSha256',
    'Version',
    'TracingConfig',
    'RevisionId',
    'PackageType',
    'Architectures',
    'EphemeralStorage',
    'SnapStart',
    'LoggingConfig',
  ],
  // 48 recordings.
  AliasConfiguration: ['AliasArn', 'Name', 'FunctionVersion', 'Description', 'RevisionId'],
  // 35 recordings; retries and age only when they were set.
  FunctionEventInvokeConfig: ['LastModified', 'FunctionArn', 'DestinationConfig'],
  // 6 recordings.
  CodeSigningConfig: ['CodeSigningConfigId', 'CodeSigningConfigArn', 'AllowedPublishers', 'CodeSigningPolicies', 'LastModified', 'Description'],
  AccountLimit: ['TotalCodeSize', 'CodeSizeUnzipped', 'CodeSizeZipped', 'ConcurrentExecutions', 'UnreservedConcurrentExecutions'],
  AccountUsage: ['TotalCodeSize', 'FunctionCount'],
  LayerVersionContentOutput: ['Location', 'CodeSha256', 'CodeSize'],
  LayerVersionsListItem: ['LayerVersionArn', 'Version', 'CreatedDate'],
  LayersListItem: ['LayerName', 'LayerArn', 'LatestMatchingVersion'],
  FunctionCodeLocation: ['RepositoryType', 'Location'],
  VpcConfigResponse: ['SubnetIds', 'SecurityGroupIds', 'VpcId'],
};

const functionWithState = ['State'];

/** The same for the outermost structure of one operation's answer. */
export const alwaysSentByOperation: Readonly<Record<string, readonly string[]>> = {
  // Every recorded answer about one function has its state; lists leave it out.
  CreateFunction: functionWithState,
  GetFunctionConfiguration: functionWithState,
  PublishVersion: functionWithState,
  UpdateFunctionCode: functionWithState,
  UpdateFunctionConfiguration: functionWithState,
  GetFunction: ['Configuration', 'Code'],
  ListFunctions: ['Functions'],
  ListVersionsByFunction: ['Versions'],
  ListAliases: ['Aliases'],
  ListLayers: ['Layers'],
  ListLayerVersions: ['LayerVersions'],
  ListTags: ['Tags'],
  ListFunctionEventInvokeConfigs: ['FunctionEventInvokeConfigs'],
  ListFunctionUrlConfigs: ['FunctionUrlConfigs'],
  ListProvisionedConcurrencyConfigs: ['ProvisionedConcurrencyConfigs'],
  ListCodeSigningConfigs: ['CodeSigningConfigs'],
  ListFunctionsByCodeSigningConfig: ['FunctionArns'],
  GetAccountSettings: ['AccountLimit', 'AccountUsage'],
  GetPolicy: ['Policy', 'RevisionId'],
  GetLayerVersionPolicy: ['Policy', 'RevisionId'],
  AddPermission: ['Statement'],
  AddLayerVersionPermission: ['Statement', 'RevisionId'],
  PutFunctionConcurrency: ['ReservedConcurrentExecutions'],
  PutProvisionedConcurrencyConfig: [
    'RequestedProvisionedConcurrentExecutions',
    'AvailableProvisionedConcurrentExecutions',
    'AllocatedProvisionedConcurrentExecutions',
    'Status',
    'LastModified',
  ],
  GetProvisionedConcurrencyConfig: [
    'RequestedProvisionedConcurrentExecutions',
    'AvailableProvisionedConcurrentExecutions',
    'AllocatedProvisionedConcurrentExecutions',
    'Status',
    'LastModified',
  ],
  PublishLayerVersion: ['Content', 'LayerArn', 'LayerVersionArn', 'Description', 'CreatedDate', 'Version'],
  GetLayerVersion: ['Content', 'LayerArn', 'LayerVersionArn', 'Description', 'CreatedDate', 'Version'],
  GetLayerVersionByArn: ['Content', 'LayerArn', 'LayerVersionArn', 'Description', 'CreatedDate', 'Version'],
  GetRuntimeManagementConfig: ['UpdateRuntimeOn', 'FunctionArn'],
  PutRuntimeManagementConfig: ['UpdateRuntimeOn', 'FunctionArn'],
  GetFunctionRecursionConfig: ['RecursiveLoop'],
  PutFunctionRecursionConfig: ['RecursiveLoop'],
};

/** Values that recorded answers have and the service model's enumerations do not. */
export const valuesBesideModel: Readonly<Record<string, readonly string[]>> = {
  // 42 recordings, all of functions that were being created or changed.
  LastUpdateStatusReasonCode: ['Creating'],
};

/** Members that the model calls required and that Lambda leaves out all the same. */
export const leftOutByOperation: Readonly<Record<string, readonly string[]>> = {
  // A function without a configuration: recorded as an empty object.
  GetFunctionCodeSigningConfig: ['CodeSigningConfigArn', 'FunctionName'],
};
