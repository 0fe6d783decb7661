import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readPressure } from './pressure.ts';

it('readPressure() reads the last ten seconds, and nothing where the kernel tells nothing', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cloister-pressure-'));
  try {
    writeFileSync(join(directory, 'io'), 'some avg10=12.50 avg60=1.00 avg300=0.10 total=5\nfull avg10=3.25 avg60=0.00 avg300=0.00 total=1\n');
    // Kernels before 5.13 have no "full" of the processor.
    writeFileSync(join(directory, 'cpu'), 'some avg10=7.00 avg60=1.00 avg300=0.10 total=5\n');
    expect(readPressure('io', directory)).toEqual({ some: 12.5, full: 3.25 });
    expect(readPressure('cpu', directory)).toEqual({ some: 7, full: 0 });
    expect(readPressure('memory', directory)).toBeUndefined();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
