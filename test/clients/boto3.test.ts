import { beforeAll, describe, expect, it } from 'vitest';
import { startDaemon } from '../daemon.ts';
import { awsEnvironment } from './aws-environment.ts';
import { pythonPackages, runPython } from './python-packages.ts';
import { sampleArchiveFiles } from './sample-archive-files.ts';
import { samples } from './sample-functions.ts';

const script = new URL('boto3_main_job.py', import.meta.url).pathname;
const timeoutMs = 300_000;

interface Invocation {
  readonly status: number;
  readonly error: string | null;
  readonly version: string;
  readonly log: string;
  readonly value: unknown;
}

interface Facts {
  readonly invoked: Readonly<Record<string, Invocation>>;
  readonly failed: Invocation;
  readonly published: string;
  readonly latest: Invocation;
  readonly qualified: Invocation;
  readonly layer: string;
  readonly configured: Invocation;
  readonly pages: readonly (readonly string[])[];
  readonly dryRun: number;
  readonly wrongSecret: unknown;
  readonly deleted: unknown;
}

let facts: Facts;

beforeAll(async () => {
  const packages = await pythonPackages();
  using archives = await sampleArchiveFiles();
  await using daemon = await startDaemon();
  const { status, stdout, stderr } = await runPython(packages, [script, archives.directory], await awsEnvironment(daemon));
  if (status !== 0) throw new Error(`boto3 ended with ${status}: ${stderr}`);
  facts = JSON.parse(stdout) as Facts;
}, timeoutMs);

describe('boto3', () => {
  it.each(samples)('creates a function for $runtime and invokes it', ({ archive, answer }) => {
    const invoked = facts.invoked[archive];
    expect(invoked).toMatchObject({ status: 200, error: null, version: '$LATEST', value: answer });
    expect(invoked?.log).toMatch(/^REPORT RequestId: /m);
  });

  it('gets the error of a function', () => {
    expect(facts.failed).toMatchObject({ status: 200, error: 'Unhandled', value: { errorType: 'ValueError', errorMessage: 'asked to fail' } });
    expect(Object.keys(facts.failed.value as object)).toEqual(['errorMessage', 'errorType', 'requestId', 'stackTrace']);
  });

  it('runs new code, and a published version by its qualifier', () => {
    expect(facts.published).toBe('1');
    expect(facts.latest.value).toMatchObject({ edition: 2, version: '$LATEST' });
    expect(facts.qualified).toMatchObject({ version: '1', value: { edition: 1, version: '1' } });
  });

  it('gives the function its layer and variables', () => {
    expect(facts.layer).toBe('arn:aws:lambda:us-east-1:123456789012:layer:greeting:1');
    expect(facts.configured.value).toMatchObject({ greeting: 'from the layer', stage: 'test' });
  });

  it('pages through the list and checks without running', () => {
    expect(facts.pages.flat().toSorted()).toEqual(['node', 'python', 'shell']);
    expect(facts.pages.every((page) => page.length <= 1)).toBe(true);
    expect(facts.dryRun).toBe(204);
  });

  it("raises boto3's own error classes", () => {
    expect(facts.wrongSecret).toMatchObject({ code: 'InvalidSignatureException', status: 403 });
    expect(facts.deleted).toEqual({ class: 'ResourceNotFoundException', code: 'ResourceNotFoundException', status: 404 });
  });
});
