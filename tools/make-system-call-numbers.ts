/**
 * Makes src/isolation/seccomp/system-call-numbers.json, the name of every system call of each architecture with its number, from the kernel's own headers.
 *
 *     node tools/make-system-call-numbers.ts DIRECTORY
 *
 * DIRECTORY holds one `ARCHITECTURE/asm/unistd_64.h` for x86 and arm64: `usr/lib/linux/uapi` of an unpacked Debian package linux-libc-dev, the newer the
 * better (`apt-get download linux-libc-dev`, `dpkg-deb -x`).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error('usage: node tools/make-system-call-numbers.ts DIRECTORY');

const outputFile = new URL('../src/isolation/seccomp/system-call-numbers.json', import.meta.url);

function numbersOf(architecture: string): Record<string, number> {
  const text = readFileSync(join(directory as string, architecture, 'asm/unistd_64.h'), 'utf8');
  const found = [...text.matchAll(/^#define __NR_(\w+) (\d+)$/gm)].map(([, name = '', number]) => [name, Number(number)] as const);
  return Object.fromEntries(found.toSorted(([, first], [, second]) => first - second));
}

const table = { x64: numbersOf('x86'), arm64: numbersOf('arm64') };
writeFileSync(outputFile, `${JSON.stringify(table)}\n`);
console.log(`x64: ${Object.keys(table.x64).length} system calls, arm64: ${Object.keys(table.arm64).length}`);
