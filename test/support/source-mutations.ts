import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A bound that is not the kernel's but the daemon's: it is taken away by changing lines in a copy of the sources. */
export interface SourceMutation {
  readonly name: string;
  readonly takesAway: string;
  readonly edits: readonly (readonly [file: string, from: string, to: string])[];
}

const root = join(import.meta.dirname, '../..');

/** What a copy needs to run: the agent's test entry imports of test/ and bench/. */
const copied = ['src', 'test', 'bench', 'package.json'] as const;

export const sourceMutations: readonly SourceMutation[] = [
  {
    name: 'runtime-api-bounds',
    takesAway: 'the bounds on connections, headers and time of the Runtime API',
    edits: [
      ['src/runtime-api/create-runtime-api.ts', 'const maxConnections = 32;', 'const maxConnections = 4_096;'],
      ['src/runtime-api/create-runtime-api.ts', 'const maxHeaderBytes = 16 * 1024;', 'const maxHeaderBytes = 4_194_304;'],
      ['src/runtime-api/surface-guard.ts', 'const maxDropped = 64;', 'const maxDropped = 1_000_000;'],
      ['src/runtime-api/surface-guard.ts', 'const maxReadsOfHead = 64;', 'const maxReadsOfHead = 1_000_000;'],
      ['src/environment/environment-parts.ts', 'const runtimeApiUsPerSecond = 50_000;', 'const runtimeApiUsPerSecond = 1_000_000_000;'],
    ],
  },
  {
    name: 'runtime-api-checks',
    takesAway: 'the check of request ids and the strictness of the parser',
    edits: [
      ['src/runtime-api/create-runtime-api.ts', 'maxHeaderSize: maxHeaderBytes,', 'maxHeaderSize: maxHeaderBytes, insecureHTTPParser: true,'],
      ['src/runtime-api/post-invocation-response.ts', 'if (session.requestId !== requestId) return', 'if (requestId === undefined) return'],
      ['src/runtime-api/post-invocation-response.ts', ' || session.requestId !== requestId', ''],
    ],
  },
  {
    name: 'log-budget',
    takesAway: 'the budget of log bytes',
    edits: [
      ['src/environment/log/environment-log.ts', 'const bytesPerSecond = 10 * 1024 * 1024;', 'const bytesPerSecond = 10 * 1024 * 1024 * 1024;'],
    ],
  },
  {
    name: 'invocation-time-out',
    takesAway: 'the time-out of invocations',
    edits: [['src/environment/execution-environment.ts', 'this.function.timeoutSeconds * 1_000,', 'this.function.timeoutSeconds * 1_000_000,']],
  },
];

/** A copy of the sources with the mutation's lines changed; disposing of it removes it. */
export function copySources({ edits }: SourceMutation): Disposable & { readonly directory: string } {
  const directory = mkdtempSync(join(tmpdir(), 'mutant-sources-'));
  for (const name of copied) cpSync(join(root, name), join(directory, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  for (const [file, from, to] of edits) {
    const path = join(directory, file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(from)) throw new Error(`${file} has no line ${from}`);
    writeFileSync(path, text.replace(from, to));
  }
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}
