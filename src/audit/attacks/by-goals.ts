import type { Attack, AttackOptions, Wall } from '../attack.ts';
import { judgeByGoals, type NothingFound } from '../explain.ts';

export interface ByGoals {
  readonly id: string;
  readonly wall: Wall;
  readonly what: string;
  readonly event?: Readonly<Record<string, string | number>>;
  readonly options?: AttackOptions;
  /** The attacker's code. @default the id */
  readonly code?: string;
  /** What the kernel says where the attack could look and found nothing. */
  readonly nothingFound?: NothingFound;
}

/** An attack that is judged by the goals which the attacker's code names itself. */
export function byGoals({ id, wall, what, event, options, code = id, nothingFound }: ByGoals): Attack {
  return { id, wall, what, run: async (context) => judgeByGoals(await context.attack(code, event, options), nothingFound) };
}
