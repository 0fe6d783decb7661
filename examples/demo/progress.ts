const firstTickMs = 2_000;
const tickMs = 5_000;

/** Names a step, says every few seconds that it goes on (unless its command says so itself), and how long it took. */
export async function step<T>(title: string, work: () => Promise<T>, { showsProgress = false } = {}): Promise<T> {
  const startedMs = performance.now();
  const seconds = () => ((performance.now() - startedMs) / 1_000).toFixed(1);
  console.log(`• ${title}`);
  let timer = showsProgress ? undefined : setTimeout(tick, firstTickMs);
  function tick(): void {
    console.log(`    … ${seconds()} s`);
    timer = setTimeout(tick, tickMs);
  }
  try {
    const result = await work();
    console.log(`  done in ${seconds()} s`);
    return result;
  } finally {
    clearTimeout(timer);
  }
}
