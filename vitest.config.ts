import { defineConfig } from 'vitest/config'
import { FailuresReporter } from './test/support/failures-reporter.ts'

/** The tiers of tests, see docs/testing.md. All but `pure` need root; each of their files makes its own namespaces. */
export default defineConfig({
  test: {
    pool: 'forks',
    reporters: ['default', new FailuresReporter()],
    setupFiles: ['test/support/seed.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'pure',
          include: ['test/**/*.test.ts'],
          exclude: ['test/kernel/**', 'test/interop/**', 'test/guest/**', 'test/containers/**'],
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'containers',
          include: ['test/containers/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'guest',
          include: ['test/guest/**/*.test.ts'],
          globalSetup: 'test/guest/setup.ts',
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // the guest has one CPU, and to start a process there takes seconds
          isolate: false,
          fileParallelism: false,
        },
      },
    ],
  },
})
