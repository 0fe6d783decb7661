import { accessSync, constants } from 'node:fs';
import type { Check, Measurement } from '../check.ts';
import { mendDeviceNode } from '../mend-device-node.ts';

const path = '/dev/kvm';

/** Whether there is a door to hardware virtualisation; whether a guest really boots, only a boot tells. */
export const kvmCheck: Check = {
  id: 'kvm',
  severity: 'advice',
  needsRoot: true,
  why: 'microVMs will want it; the oci driver does not',
  fix: 'load kvm_intel or kvm_amd, or allow nested virtualisation',
  // Each finds nothing to do on the other's processor.
  modules: ['kvm_intel', 'kvm_amd'],
  mend: async () => mendDeviceNode('kvm', path),
  measure: (): Measurement => {
    try {
      accessSync(path, constants.R_OK | constants.W_OK);
      return { ok: true, found: `${path} can be opened; that does not prove that a guest boots` };
    } catch (error) {
      return { ok: false, found: `${path}: ${(error as NodeJS.ErrnoException).code}` };
    }
  },
};
