import type { Attack } from './attack.ts';
import { bombAttacks } from './attacks/bombs.ts';
import { escapeAttacks } from './attacks/escapes.ts';
import { hostBombs } from './attacks/host-bombs.ts';
import { namespaceAttacks } from './attacks/namespaces.ts';
import { networkAttacks } from './attacks/network.ts';
import { privilegeAttacks } from './attacks/privileges.ts';
import { rateLimitAttacks } from './attacks/rate-limits.ts';
import { rootfsAttacks } from './attacks/rootfs.ts';
import { runtimeApiAttacks } from './attacks/runtime-api.ts';
import { seccompAttacks } from './attacks/seccomp.ts';
import { tmpAttacks } from './attacks/tmp.ts';

/** Every attack, in the order in which they are made: bombs last. */
export const allAttacks: readonly Attack[] = [
  ...seccompAttacks,
  ...privilegeAttacks,
  ...namespaceAttacks,
  ...networkAttacks,
  ...rootfsAttacks,
  ...escapeAttacks,
  ...tmpAttacks,
  ...runtimeApiAttacks,
  ...bombAttacks,
  ...hostBombs,
  ...rateLimitAttacks,
];
