import { type CodeSigningConfig, codeSigningConfigIdOf } from '../../functions/code-signing-config.ts';
import { ApiError } from '../api-error.ts';
import type { OperationServices } from '../operation.ts';
import type { FunctionKey } from '../stores/function-store.ts';

type Services = Pick<OperationServices, 'codeSigning' | 'region'>;

/** The configuration that a function is to have, by its ARN; throws CodeSigningConfigNotFoundException. */
export async function codeSigningConfigToUse(services: Services, accountId: string, arn: string): Promise<CodeSigningConfig> {
  const id = codeSigningConfigIdOf(arn, { region: services.region, accountId });
  const config = id === undefined ? undefined : await services.codeSigning.find(accountId, id);
  if (config !== undefined) return config;
  throw new ApiError(
    'CodeSigningConfigNotFoundException',
    `The code signing configuration cannot be found. Check that the provided configuration is not deleted: ${arn}.`,
  );
}

/** Throws Lambda's refusal of untrusted code. Nothing here can check a signature, so no code counts as signed by a publisher that may. */
export function checkCodeSignature(config: CodeSigningConfig | undefined): void {
  if (config?.untrustedCode !== 'Enforce') return;
  throw new ApiError(
    'CodeVerificationFailedException',
    'The code signature failed one or more of the validation checks for signature mismatch or expiry, and the code signing policy is set to ENFORCE. ' +
      'Lambda blocks the deployment.',
  );
}

/** As `checkCodeSignature`, for what an existing function is to run. */
export async function checkCodeSignatureOf(services: Services, key: FunctionKey): Promise<void> {
  const id = await services.codeSigning.configIdOf(key);
  if (id !== undefined) checkCodeSignature(await services.codeSigning.find(key.accountId, id));
}
