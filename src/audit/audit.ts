import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, hostname, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { allAttacks } from './all-attacks.ts';
import type { Attack, NeighbourTiming, Verdict, Wall } from './attack.ts';
import { AttackSession } from './attack-session.ts';
import { attackerArchive, compileAttacker } from './attacker-program.ts';
import { lowBlockRate } from './attacks/rate-limits.ts';
import type { PositiveControls } from './positive-controls.ts';
import { type AgentProgram, ThrowawayCloister } from './throwaway-cloister.ts';

const defaultQuietInvocations = 150;

export interface AuditOptions {
  /** The host agent to attack; `cloister audit` gives the real one. */
  readonly program: AgentProgram;
  readonly runtimesFrom: string;
  /** Undefined while the controls themselves are being found: then every attack counts. */
  readonly controls: PositiveControls | undefined;
  /** The attacker's program. @default compiled now */
  readonly attacker?: Buffer;
  /** Which attacks are made. @default all */
  readonly only?: (attack: Attack) => boolean;
  /** How often the neighbour is invoked while nothing else happens. @default 150 */
  readonly quietInvocations?: number;
  /** Told before each attack, and what takes long. */
  readonly progress: (line: string) => void;
  /** Told after each attack. */
  readonly onAttack?: (attack: AuditedAttack) => void;
}

/** One attack and what came of it. */
export interface AuditedAttack {
  readonly id: string;
  readonly wall: Wall;
  readonly what: string;
  /** False when the same code was never seen to succeed with the wall away: its failing proves nothing. */
  readonly attempted: boolean;
  readonly blocked: boolean;
  readonly stoppedBy: string;
  readonly evidence: string;
  /** Mutations under which it was seen to succeed. */
  readonly controls: readonly string[];
  /** How the neighbour fared meanwhile, where it was timed. */
  readonly neighbour?: NeighbourTiming;
  readonly durationMs: number;
}

export interface AuditReport {
  readonly attacks: readonly AuditedAttack[];
  readonly passed: number;
  readonly failed: number;
  readonly notAttempted: number;
  readonly kernel: string;
  readonly hostName: string;
  /** Processors and memory, in words. */
  readonly machine: string;
  readonly controlsSeenOn: string | undefined;
  readonly quietNeighbour: NeighbourTiming | undefined;
  readonly startedAt: string;
  readonly durationMs: number;
}

/**
 * The first account's number is always this. One of its functions may reach what is public, and so may the neighbour: to have egress must not mean to be
 * reached.
 */
const egress = { functions: { '123456789012/attacker-egress': 'public', '210987654321/neighbour': 'public' } };
const configuration = { isolation: { egress } };
const lowRates = { isolation: { egress, rateLimits: { block: { bandwidth: lowBlockRate } } } };

/** Starts a throw-away Cloister, attacks it from inside its environments, and says what stopped each attack. Nothing of it is left afterwards. */
export async function audit(options: AuditOptions): Promise<AuditReport> {
  const startedAt = new Date();
  options.progress('compiling the attacker');
  const program = options.attacker ?? (await compileAttacker());
  const wanted = allAttacks.filter((attack) => options.only?.(attack) !== false);
  using undo = new DisposableStack();
  const canary = makeCanary(undo);
  const target = { ...options, canary, archive: await attackerArchive(program, canary) };
  const usual = await attackOne(
    wanted.filter((attack) => attack.lowRates !== true),
    { ...target, configuration },
  );
  const slow = await attackOne(
    wanted.filter((attack) => attack.lowRates === true),
    { ...target, configuration: lowRates, quietInvocations: 0 },
  );
  const attacks = [...usual.attacks, ...slow.attacks];
  return {
    attacks,
    passed: attacks.filter(({ attempted, blocked }) => attempted && blocked).length,
    failed: attacks.filter(({ blocked }) => !blocked).length,
    notAttempted: attacks.filter(({ attempted, blocked }) => !attempted && blocked).length,
    kernel: release(),
    hostName: hostname(),
    machine: `${availableParallelism()} processors, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    controlsSeenOn: options.controls?.kernel,
    quietNeighbour: usual.quiet,
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
  };
}

interface Target extends AuditOptions {
  readonly configuration: unknown;
  readonly canary: string;
  readonly archive: Buffer;
}

/** Attacks of one configuration, on a Cloister of their own. */
async function attackOne(
  wanted: readonly Attack[],
  target: Target,
): Promise<{ readonly attacks: readonly AuditedAttack[]; readonly quiet: NeighbourTiming | undefined }> {
  if (wanted.length === 0) return { attacks: [], quiet: undefined };
  const { progress, controls } = target;
  progress('starting a throw-away Cloister');
  await using cloister = await ThrowawayCloister.start(target);
  progress('deploying the attackers and their neighbour');
  const session = await AttackSession.open(cloister, target);
  const attacks: AuditedAttack[] = [];
  try {
    progress('timing the neighbour while nothing else happens');
    await session.timeQuiet(target.quietInvocations ?? defaultQuietInvocations);
    for (const attack of wanted) {
      progress(attack.id);
      const audited = await make(attack, session, controls);
      attacks.push(audited);
      target.onAttack?.(audited);
    }
  } finally {
    await session.close();
  }
  return { attacks, quiet: session.quiet };
}

async function make(attack: Attack, session: AttackSession, controls: PositiveControls | undefined): Promise<AuditedAttack> {
  const started = performance.now();
  const { id, wall, what } = attack;
  const seen = controls?.controls[id] ?? [];
  const verdict = await attack.run(session).catch(unanswered);
  return {
    id,
    wall,
    what,
    attempted: controls === undefined || seen.length > 0,
    ...verdict,
    controls: seen,
    durationMs: performance.now() - started,
  };
}

/** SECURITY: an attack after which nobody answers may be the one that got furthest: it never counts as blocked. */
function unanswered(error: unknown): Verdict {
  return { blocked: false, stoppedBy: 'unknown', evidence: `it could not be judged: ${error instanceof Error ? error.message : String(error)}` };
}

/** A file of the host that everybody may read: it is the mount namespace alone that hides it. */
function makeCanary(undo: DisposableStack): string {
  const directory = mkdtempSync(join(tmpdir(), 'cloister-canary-'));
  undo.defer(() => rmSync(directory, { recursive: true, force: true }));
  chmodSync(directory, 0o755);
  const path = join(directory, 'canary');
  writeFileSync(path, 'a file of the host\n', { mode: 0o644 });
  return path;
}
