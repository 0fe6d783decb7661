import { readKernelFile, writeKernelFile } from './kernel-file.ts';

const path = '/proc/self/oom_score_adj';

/**
 * Asks the kernel to end this process, and what it starts, after those with a higher score when the host is out of memory (proc(5), oom_score_adj);
 * answers the score that holds. Going below the present one takes CAP_SYS_RESOURCE, which some hosts keep from root.
 */
export function lowerOutOfMemoryScore(score: number): number {
  try {
    writeKernelFile(path, score);
  } catch {
    // Told by the answer.
  }
  return Number(readKernelFile(path));
}
