/** What a check measured. */
export interface Measurement {
  readonly ok: boolean;
  /** What was found, for a person to read. */
  readonly found: string;
}

/** `required`: Cloister does not run without it. `advice`: it runs, but something is worse or missing. */
export type Severity = 'required' | 'advice';

/** One thing that Cloister needs of the host. */
export interface Check {
  readonly id: string;
  readonly severity: Severity;
  readonly why: string;
  /** How to mend it, as a sentence or a command. */
  readonly fix: string;
  /** Measuring it takes root. */
  readonly needsRoot?: boolean;
  /** Debian packages that mend it. */
  readonly packages?: readonly string[];
  /** Looks by effect where that is cheap. A rejection counts as not ok, with its message as what was found. */
  measure(): Measurement | Promise<Measurement>;
  /** Modules of the kernel that mend it. */
  readonly modules?: readonly string[];
  /**
   * What `--fix` does besides, when it is still broken then; answers what it ran. It changes only what is Cloister's, or raises a limit, and rejects with
   * the reason when it must not or cannot. Needs root.
   */
  mend?(): Promise<string>;
}

/** A check with what it measured, if it could. */
export interface Finding extends Measurement {
  readonly check: Check;
  readonly measured: boolean;
}

/** Measures one after the other: probes use the same kernel objects. */
export async function runChecks(checks: readonly Check[], { isRoot }: { readonly isRoot: boolean }): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const check of checks) {
    const measured = isRoot || check.needsRoot !== true;
    findings.push({ check, measured, ...(measured ? await measure(check) : { ok: false, found: 'not measured: this takes root' }) });
  }
  return findings;
}

async function measure(check: Check): Promise<Measurement> {
  try {
    return await check.measure();
  } catch (error) {
    return { ok: false, found: (error instanceof Error ? error.message : String(error)).replaceAll(/:?\s*\n\s*/g, ': ') };
  }
}

/** Whether Cloister can run on a host with these findings. */
export function isFit(findings: readonly Finding[]): boolean {
  return findings.every((finding) => finding.ok || finding.check.severity === 'advice');
}
