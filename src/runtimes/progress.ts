/** Tells a person what is going on, a line at a time. */
export type Progress = (line: string) => void;

const firstLineAfterMs = 2_000;
const nextLineAfterMs = 10_000;

/** Does the work, and says so with the time it has taken when that is more than two seconds: now, every ten seconds, and at the end. */
export async function withProgress<T>(progress: Progress, title: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const elapsed = (): string => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  let timer = setTimeout(tick, firstLineAfterMs);
  let told = false;
  function tick(): void {
    told = true;
    progress(`${title} … ${elapsed()}`);
    timer = setTimeout(tick, nextLineAfterMs);
  }
  try {
    const result = await work();
    if (told) progress(`${title}: done in ${elapsed()}`);
    return result;
  } finally {
    clearTimeout(timer);
  }
}
