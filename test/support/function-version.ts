import type { FunctionVersion } from '../../src/functions/function-version.ts';

/** A function version for tests, with what matters to one overridden. */
export function functionVersion(overrides: Partial<FunctionVersion> = {}): FunctionVersion {
  return {
    accountId: '123456789012',
    functionName: 'thumbnail',
    version: '$LATEST',
    revisionId: 'revision-1',
    functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:thumbnail',
    runtime: 'nodejs24.x',
    handler: 'index.handler',
    memorySizeMiB: 128,
    timeoutSeconds: 3,
    ephemeralStorageMiB: 512,
    environment: {},
    layers: [],
    codeDigest: 'cd'.repeat(32),
    logGroup: '/aws/lambda/thumbnail',
    isolation: 'oci',
    ...overrides,
  };
}
