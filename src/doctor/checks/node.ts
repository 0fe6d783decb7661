import type { Check } from '../check.ts';

const neededMajor = 24;

/** The Node that Cloister runs on. */
export const nodeCheck: Check = {
  id: 'node',
  severity: 'required',
  why: `Cloister is written for Node ${neededMajor}: it runs TypeScript sources and replaces its process with execve`,
  fix: 'run "npm ci" in the checkout: it brings the right Node',
  measure: () => ({
    ok: Number(process.versions.node.split('.')[0]) >= neededMajor && process.execve !== undefined,
    found: `Node ${process.versions.node}`,
  }),
};
