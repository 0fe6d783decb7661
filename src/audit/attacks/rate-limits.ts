import type { Attack, AttackContext, Verdict } from '../attack.ts';
import { deviceUse, mountOf } from '../kernel-view.ts';

const mebibyte = 1_048_576;

/** Low, so that seconds tell: what these attacks' own Cloister is given as `isolation.rateLimits.block` (docs/configuration.md). */
export const lowBlockRate = { size: 8 * mebibyte, refillTimeMs: 1_000, oneTimeBurst: 8 * mebibyte } as const;
/** Measured may be a tenth above what was configured; the rest is the burst of what the kernel had under way. */
const tolerance = 1.1;
const slackKiB = 4 * 1024;

export const rateLimitAttacks: readonly Attack[] = [
  {
    id: 'rate-limits.block-write',
    wall: 'rate-limits',
    what: 'writes to the disk, faster than the 8 MiB a second that they were given',
    takesSeconds: true,
    lowRates: true,
    run: writeFast,
  },
];

/** Inside and outside must agree: the bytes that the attacker counts, and the sectors that the kernel counts on its device. */
async function writeFast(context: AttackContext): Promise<Verdict> {
  const idle = await context.attack('neighbour.wait', { durationMs: 0 });
  const device = mountOf('/tmp', idle.outside.after.mounts)?.device ?? '';
  const before = deviceUse(device);
  const { inside, outside } = await context.attack('rate-limits.block-write', {}, { neighbour: true });
  const after = deviceUse(device);
  const [kiB, ms] = [Number(inside.facts['KiB']), Number(inside.facts['ms'])];
  if (!Number.isFinite(kiB) || kiB === 0) return { blocked: false, stoppedBy: 'unknown', evidence: inside.functionError ?? 'nothing was moved' };
  const { size, refillTimeMs, oneTimeBurst } = lowBlockRate;
  const allowedKiB = ((size + oneTimeBurst + (size * ms) / refillTimeMs) / 1024) * tolerance + slackKiB;
  const countedKiB = (after.sectorsWritten - before.sectorsWritten) / 2;
  const evidence = `${kiB} KiB in ${ms} ms, ${Math.round(countedKiB)} KiB of them counted on the device (${after.readFrom}); ${Math.round(allowedKiB)} KiB are its share`;
  const blocked = Math.max(kiB, countedKiB) <= allowedKiB;
  const { neighbour } = outside;
  return { blocked, stoppedBy: blocked ? 'token bucket of the device' : 'nothing', evidence, ...(neighbour !== undefined && { neighbour }) };
}
