import type { Check } from '../check.ts';

/** Whether the doctor may look, and Cloister may run. */
export const rootCheck: Check = {
  id: 'root',
  severity: 'required',
  why: 'the host agent makes namespaces, mounts and control groups; without root several checks below can not be measured either',
  fix: 'run it with sudo',
  measure: () => ({ ok: process.geteuid?.() === 0, found: `effective user id ${process.geteuid?.()}` }),
};
