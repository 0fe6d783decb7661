import type { RenderedFailure } from '../environment/invocation-failure.ts';

export function startLine(requestId: string, version: string): string {
  return `START RequestId: ${requestId} Version: ${version}\n`;
}

export function endLine(requestId: string): string {
  return `END RequestId: ${requestId}\n`;
}

export interface ReportFacts {
  readonly requestId: string;
  readonly durationMs: number;
  readonly timeoutSeconds: number;
  readonly memorySizeMiB: number;
  readonly maxMemoryUsedMiB: number;
  readonly initDurationMs?: number;
  readonly failure?: RenderedFailure['report'];
}

/** The REPORT line. Lambda writes MB for MiB, bills whole milliseconds, and never more than the function's time limit. */
export function reportLine(facts: ReportFacts): string {
  // Rounded first: what is billed must follow from the duration that stands beside it.
  const duration = facts.durationMs.toFixed(2);
  const billedMs = Math.min(Math.max(1, Math.ceil(Number(duration))), facts.timeoutSeconds * 1_000);
  const fields = [
    `REPORT RequestId: ${facts.requestId}`,
    `Duration: ${duration} ms`,
    `Billed Duration: ${billedMs} ms`,
    `Memory Size: ${facts.memorySizeMiB} MB`,
    `Max Memory Used: ${Math.min(facts.maxMemoryUsedMiB, facts.memorySizeMiB)} MB`,
  ];
  if (facts.initDurationMs !== undefined) fields.push(`Init Duration: ${facts.initDurationMs.toFixed(2)} ms`);
  if (facts.failure !== undefined) fields.push(`Status: ${facts.failure.status}`);
  if (facts.failure?.errorType !== undefined) fields.push(`Error Type: ${facts.failure.errorType}`);
  return `${fields.join('\t')}\t\n`;
}
