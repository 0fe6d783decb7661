import type { CreateFunctionRequest, UpdateFunctionConfigurationRequest } from '@aws-sdk/client-lambda';
import { invalidParameter } from '../api-error.ts';

/** The configuration members of a creation and of an update. */
export type ConfigurationInput = UpdateFunctionConfigurationRequest &
  Pick<CreateFunctionRequest, 'PackageType' | 'CodeSigningConfigArn' | 'TenancyConfig'>;

/**
 * What would change how a function behaves, and has no such effect here, is refused and not silently left out; in Lambda's words where Lambda
 * refuses the same. Empty forms, which templates send, say nothing or take a setting away.
 */
export function refuseUnsupported(input: ConfigurationInput, runtime: string): void {
  if (input.PackageType === 'Image') {
    throw invalidParameter('PackageType Image is not supported by Cloister: functions are made of zip archives, and run in runtimes of this host.');
  }
  if (Object.keys(input.ImageConfig ?? {}).length > 0)
    throw invalidParameter("Please don't provide ImageConfig for a function with packageType Zip.");
  refuseVpc(input.VpcConfig);
  if ((input.FileSystemConfigs ?? []).length > 0) {
    throw invalidParameter('FileSystemConfigs is not supported by Cloister: functions have no file system but their code, layers and /tmp.');
  }
  if ((input.KMSKeyArn ?? '') !== '') {
    throw invalidParameter('KMSKeyArn is not supported by Cloister: environment variables are not encrypted with keys of KMS here.');
  }
  if ((input.SnapStart?.ApplyOn ?? 'None') !== 'None') throw invalidParameter(`${runtime} is not supported for SnapStart enabled functions.`);
  const others: readonly (readonly [string, boolean])[] = [
    ['CapacityProviderConfig', input.CapacityProviderConfig !== undefined],
    ['DurableConfig', input.DurableConfig !== undefined],
    // Newer in the service model than in the SDK's types.
    ...['RuntimeConfig', 'AcceleratorConfig', 'PublishTo'].map((name) => [name, Object.hasOwn(input, name)] as const),
  ];
  const [first] = others.filter(([, isSet]) => isSet);
  if (first !== undefined) throw invalidParameter(`${first[0]} is not supported by Cloister yet.`);
}

/** This host has no subnets, so none that is named exists; what functions reach is decided in config.json. */
function refuseVpc(config: ConfigurationInput['VpcConfig']): void {
  const [subnet] = config?.SubnetIds ?? [];
  const [securityGroup] = config?.SecurityGroupIds ?? [];
  if (subnet === undefined && securityGroup === undefined) return;
  if (subnet === undefined || securityGroup === undefined) throw invalidParameter('SubnetIds and SecurityIds must coexist or be both empty list.');
  throw invalidParameter(
    `Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID '${subnet}' does not exist`,
  );
}
