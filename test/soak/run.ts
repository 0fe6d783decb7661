import { execFileSync } from 'node:child_process';
import { Soak } from './soak.ts';
import { reportSoak, soakFaults } from './soak-report.ts';

/** `npm run soak`: SOAK_SECONDS (600) of mixed load, repeatable by SOAK_SEED; ends with 1 when something was wrong. */
const seconds = Number(process.env['SOAK_SECONDS'] ?? 600);
const seed = Number(process.env['SOAK_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
console.log(`${new Date().toISOString().slice(0, 16)}Z, commit ${commit}, ${seconds} s, SOAK_SEED=${seed}`);
const result = await new Soak({ seconds, seed, onProgress: (line) => console.log(line) }).run();
for (const line of reportSoak(result)) console.log(line);
const faults = soakFaults(result);
for (const fault of faults) console.log(`FAULT: ${fault}`);
console.log(faults.length === 0 ? 'every answer was right or an honest error, and nothing was left' : `${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
