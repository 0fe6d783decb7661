import { existsSync } from 'node:fs';
import { errnoName } from '../linux/seccomp-filter.ts';
import type { Attempt, SeccompFilters, Step, Verdict } from './attack.ts';
import { type KernelReading, mountOf } from './kernel-view.ts';
import { type FilterVerdict, seccompVerdict } from './seccomp-verdict.ts';

/** What stopped one step: the wall's name, where the kernel says so, and what was seen inside. */
export interface Explanation {
  readonly stoppedBy: string;
  /** The reading outside; the same for every step that the same thing stopped. */
  readonly reading: string;
  readonly seen: string;
}

/** Names what keeps from finding anything, where a step could look and there was nothing to see. */
export type NothingFound = (kernel: KernelReading) => Pick<Explanation, 'stoppedBy' | 'reading'>;

const shownSteps = 4;
const shownCharacters = 420;

/**
 * Judges an attack by its goals: blocked when it tried and none was reached. What stopped it is worked out from each errno seen inside and from what the
 * kernel says outside: the process's own filter, run on the very call; its capabilities, mounts, namespaces and limits.
 */
export function judgeByGoals({ inside, outside, filters }: Attempt, nothingFound: NothingFound = unknownReason): Verdict {
  const goals = inside.steps.filter(({ goal }) => goal !== null);
  // A call that the filter answers has not reached the kernel, whatever errno it was given.
  const reached = goals.filter((step) => step.goal === true && !isFiltered(step, filters));
  if (reached.length > 0) {
    const what = reached.map((step) => `${step.what}${step.result > 0 ? ` → ${step.result}` : ''}`);
    return { blocked: false, stoppedBy: 'nothing', evidence: shorten(`reached: ${what.join('; ')}`) };
  }
  if (goals.length === 0) {
    const how = inside.functionError ?? `it noted nothing and ended with ${JSON.stringify(inside.ended)}`;
    return { blocked: false, stoppedBy: 'unknown', evidence: `the attack said nothing of its goals: ${how}` };
  }
  return summary(goals.map((step) => explain(step, { kernel: outside.after, filters, nothingFound })));
}

/** One verdict of several explanations: what stopped most goes first, each reading once, with some of the steps it explains. */
function summary(explanations: readonly Explanation[]): Verdict {
  const byReading = [...Map.groupBy(explanations, ({ stoppedBy, reading }) => `${stoppedBy}\n${reading}`).values()];
  const sorted = byReading.toSorted((one, other) => other.length - one.length);
  const evidence = sorted.map((list) => {
    const seen = list.map((one) => one.seen);
    const more = seen.length > shownSteps ? ` and ${seen.length - shownSteps} more` : '';
    return shorten(`${seen.slice(0, shownSteps).join(', ')}${more}${list[0]?.reading === '' ? '' : ` — ${list[0]?.reading}`}`);
  });
  return { blocked: true, stoppedBy: [...new Set(sorted.map(([first]) => first?.stoppedBy ?? ''))].join(', '), evidence: evidence.join('; ') };
}

function shorten(text: string): string {
  return text.length > shownCharacters ? `${text.slice(0, shownCharacters - 1)}…` : text;
}

interface Circumstances {
  readonly kernel: KernelReading;
  readonly filters: SeccompFilters;
  readonly nothingFound: NothingFound;
}

function explain(step: Step, { kernel, filters, nothingFound }: Circumstances): Explanation {
  const verdict = filterVerdict(step, filters);
  if (verdict !== undefined && isFiltered(step, filters)) {
    const answer = verdict.action === 'errno' ? errnoName(verdict.errno) : verdict.action;
    const length = filters.reduce((sum, filter) => sum + filter.length, 0);
    return {
      stoppedBy: 'seccomp',
      seen: `${step.what}: ${answer}`,
      reading: `so answers the filter that the kernel holds for pid ${kernel.pid} (${length} instructions)`,
    };
  }
  if (step.errno <= 0 || errnoName(step.errno) === 'ETIMEDOUT')
    return { seen: `${step.what}: ${step.errno > 0 ? 'silence' : step.result}`, ...nothingFound(kernel) };
  const errno = errnoName(step.errno);
  return { seen: `${step.what}: ${errno}`, ...byErrno(errno, step, kernel) };
}

function filterVerdict(step: Step, filters: SeccompFilters): FilterVerdict | undefined {
  if (step.number < 0 || filters.length === 0) return undefined;
  return seccompVerdict(filters, { number: step.number, arch: step.arch, arguments: step.arguments.map((argument) => BigInt(`0x${argument}`)) });
}

/** Whether what was seen inside is what the filter answers: only then was it the filter. */
function isFiltered(step: Step, filters: SeccompFilters): boolean {
  const verdict = filterVerdict(step, filters);
  if (verdict === undefined || verdict.action === 'allow') return false;
  return verdict.action === 'errno' ? verdict.errno === step.errno : step.result < 0;
}

function unknownReason(): Pick<Explanation, 'stoppedBy' | 'reading'> {
  return { stoppedBy: 'nothing to be found', reading: '' };
}

function byErrno(errno: string, step: Step, kernel: KernelReading): Pick<Explanation, 'stoppedBy' | 'reading'> {
  const path = /(\/\S*)/.exec(step.what)?.[1];
  const mount = path === undefined ? undefined : mountOf(path, kernel.mounts);
  const onMount = mount === undefined ? '' : `${mount.target} is ${mount.type} ${mount.options} (/proc/${kernel.pid}/mountinfo)`;
  switch (errno) {
    case 'EROFS':
      return { stoppedBy: 'read-only mounts', reading: onMount };
    case 'EPERM':
    case 'EACCES':
      return { stoppedBy: 'no privilege', reading: privileges(kernel) };
    case 'ESRCH':
      return namespaceReading('pid', kernel);
    case 'ENOENT':
    case 'ENOTDIR':
      if (/shmget|msgget|semget|mq_open/.test(step.what)) return namespaceReading('ipc', kernel);
      if (path === undefined || !existsSync(path)) return { stoppedBy: 'not there', reading: 'nor is it at that path of the host' };
      return namespaceReading(path.startsWith('/proc/') ? 'pid' : 'mnt', kernel);
    case 'ECONNREFUSED':
      return namespaceReading('net', kernel);
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return { stoppedBy: 'routing', reading: `${kernel.routes.split('\n').slice(1).length} routes (/proc/${kernel.pid}/net/route)` };
    case 'EMFILE':
      return { stoppedBy: 'rlimits', reading: limitReading(kernel, 'Max open files') };
    case 'EXDEV':
      return { stoppedBy: 'separate mounts', reading: onMount };
    case 'ENOSPC':
      return { stoppedBy: 'size of the volume', reading: onMount };
    case 'ENXIO':
      return { stoppedBy: 'no terminal', reading: `session ${kernel.status['NSsid']} has none (/proc/${kernel.pid}/status)` };
    default:
      return { stoppedBy: `the kernel (${errno})`, reading: onMount };
  }
}

/** Its capabilities and host's user id, as /proc/<pid>/status has them. */
export function privileges({ pid, status }: KernelReading): string {
  return `CapEff ${status['CapEff']}, CapBnd ${status['CapBnd']}, Uid ${status['Uid']?.split(' ')[0]}, NoNewPrivs ${status['NoNewPrivs']} (/proc/${pid}/status)`;
}

export function namespaceReading(kind: string, { pid, namespaces }: KernelReading): Pick<Explanation, 'stoppedBy' | 'reading'> {
  const { inode = '?', ofHost = '?' } = namespaces[kind] ?? {};
  if (inode === ofHost) return { stoppedBy: 'nothing known', reading: `${kind}:[${inode}] is the host's` };
  return { stoppedBy: `${kind} namespace`, reading: `${kind}:[${inode}], the host's is ${ofHost} (/proc/${pid}/ns/${kind})` };
}

export function limitReading({ pid, limits }: KernelReading, title: string): string {
  const line = limits.split('\n').find((one) => one.startsWith(title));
  return `${line?.replaceAll(/\s+/g, ' ').trim() ?? title} (/proc/${pid}/limits)`;
}
