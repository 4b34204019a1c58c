import { defineConfig } from 'vitest/config'
import { FailuresReporter } from './test/support/failures-reporter.ts'

/** Files of the kernel tier to which it makes a difference that the kernel of the guest is old, and knows VLANs. */
const OLD_KERNEL = [
  'bagpipe',
  'details',
  'gaps',
  'isolated-bridges',
  'isolation/bridges',
  'kinds',
  'muted-removals',
  'notifications',
  'overrun',
  'reconciler',
  'refused-takeover',
  'sticky',
  'vlans',
  'vxlan-ipv6',
].join()

/** The tiers of tests, see docs/testing.md. All but `pure` need root; each of their files makes its own namespaces. */
export default defineConfig({
  test: {
    pool: 'forks',
    reporters: ['default', new FailuresReporter()],
    // above every deadline within a test, whose message says what was awaited
    testTimeout: 600_000,
    hookTimeout: 600_000,
    setupFiles: ['test/support/seed.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'pure',
          include: ['test/**/*.test.ts'],
          exclude: ['test/kernel/**', 'test/interop/**', 'test/guest/**', 'test/containers/**'],
        },
      },
      {
        extends: true,
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'containers',
          include: ['test/containers/**/*.test.ts'],
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'guest',
          include: ['test/guest/**/*.test.ts'],
          globalSetup: 'test/guest/setup.ts',
          // the guest has one CPU, and to start a process there takes seconds
          isolate: false,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'guest-kernel',
          include: [`test/kernel/{${OLD_KERNEL}}.test.ts`],
          fileParallelism: false,
        },
      },
    ],
  },
})
