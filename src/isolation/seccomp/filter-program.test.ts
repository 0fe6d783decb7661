import { describe, expect, it } from 'vitest';
import { filterStrays } from '../../../test/support/filter-strays.ts';
import { filterProgram } from './filter-program.ts';

describe('filterProgram()', () => {
  it.each(['x64', 'arm64'] as const)('says what the table says, to every call, number and entry point of %s', (architecture) => {
    const { strays, tried } = filterStrays(filterProgram(architecture), architecture);
    expect(strays).toEqual([]);
    expect(tried).toBeGreaterThan(80_000);
  });

  it.each(['x64', 'arm64'] as const)('fits into the kernel for %s', (architecture) =>
    expect(filterProgram(architecture).length / 8).toBeLessThan(4096),
  );
});
