import { constants } from 'node:os';
import { answerTo } from '../../src/isolation/seccomp/answer-to.ts';
import { type Architecture, systemCallNumbers } from '../../src/isolation/seccomp/system-call-table.ts';
import { callsAroundTheRules } from './calls-around-the-rules.ts';
import { auditArchitectures, runFilter } from './run-filter.ts';

// linux/seccomp.h
const ERRNO = 0x0005_0000;
const ALLOW = 0x7fff_0000;
/** Thread or process: SIGSYS either way. */
const killing = [0, 0x8000_0000];
const x32Bit = 0x4000_0000;
const highestTried = 20_000;

/** Calls on which a filter does not say what the table says, in words, and how many were tried: every name, number and entry point there is. */
export function filterStrays(filter: Buffer, architecture: Architecture): { readonly strays: readonly string[]; readonly tried: number } {
  const strays: string[] = [];
  let tried = 0;
  const numbers = systemCallNumbers[architecture];
  const own = auditArchitectures[architecture];
  const expectAnswer = (what: string, number: number, entry: number, args: readonly bigint[], expected: readonly number[]) => {
    tried += 1;
    const answer = runFilter(filter, { number, architecture: entry, args });
    if (!expected.includes(answer)) strays.push(`${what}(${args.map((arg) => arg.toString(16)).join(', ')}): 0x${answer.toString(16)}`);
  };
  for (const [name, number] of Object.entries(numbers)) {
    for (const args of callsAroundTheRules(name)) {
      const answer = answerTo(name, args);
      expectAnswer(name, number, own, args, [answer === 'allow' ? ALLOW : ERRNO + constants.errno[answer]]);
    }
  }
  const known = new Set(Object.values(numbers));
  for (let number = 0; number < highestTried; number++)
    if (!known.has(number)) expectAnswer(String(number), number, own, [], [ERRNO + constants.errno.ENOSYS]);
  for (const [name, entry] of Object.entries(auditArchitectures))
    if (entry !== own) for (let number = 0; number < 1_000; number++) expectAnswer(`${name} ${number}`, number, entry, [], killing);
  if (architecture === 'x64') for (let number = 0; number < 1_000; number++) expectAnswer(`x32 ${number}`, number + x32Bit, own, [], killing);
  return { strays, tried };
}
