import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      // Some start processes of their own: on a busy host they are slow, and right all the same.
      { test: { name: 'unit', include: ['src/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 60_000 } },
      {
        test: {
          name: 'privileged',
          include: ['test/privileged/**/*.test.ts', 'test/mission/**/*.test.ts', 'test/soak/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'clients',
          include: ['test/clients/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          // Cases wait more than they work.
          maxConcurrency: 6,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
