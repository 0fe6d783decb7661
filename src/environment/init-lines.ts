import type { RuntimeSummary } from '../agent/messages.ts';
import { type FailureCause, failureErrorType } from './invocation-failure.ts';

/** The first line of an environment's log. */
export function initStartLine(runtime: RuntimeSummary, region: string): string {
  return `INIT_START Runtime Version: ${runtime.versionLabel}\tRuntime Version ARN: arn:aws:lambda:${region}::runtime:${runtime.digest}\n`;
}

/** Lambda tells of an init only when it failed. */
export function initReportLine(phase: 'init' | 'invoke', durationMs: number, cause: FailureCause): string {
  const head = `INIT_REPORT Init Duration: ${durationMs.toFixed(2)} ms\tPhase: ${phase}`;
  if (cause.kind === 'initTimeout' || cause.kind === 'timeout') return `${head}\tStatus: timeout\n`;
  return `${head}\tStatus: error\tError Type: ${failureErrorType(cause) ?? 'Runtime.Unknown'}\n`;
}
