import { cold } from './cold.ts';
import { hostile } from './hostile.ts';
import { neighbour } from './neighbour.ts';
import { warm } from './warm.ts';

/** `npm run bench -- warm|cold|hostile|neighbour`: figures as ratios, side by side in one run. BENCH_ROUNDS sets the number of samples. */
const benches: Readonly<Record<string, () => Promise<void>>> = { warm, cold, hostile, neighbour };
const names = process.argv.slice(2);
const unknown = names.find((name) => !Object.hasOwn(benches, name));
if (names.length === 0 || unknown !== undefined) {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join('|')}`);
  process.exitCode = 2;
} else {
  for (const name of names) await benches[name]?.();
}
