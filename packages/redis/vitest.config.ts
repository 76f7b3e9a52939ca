import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'

const SETUP = '@pikku/redis-testing'

/** Suites that say nothing about where the keys are: they run everywhere. */
const EVERYWHERE = [
  'engine',
  'workflow',
  'finding',
  'recovery',
  'services',
  'sessions',
  'deployments',
  'channels',
  'agents',
  'secrets',
]

/**
 * The same suites against a single server and against a cluster, and what is
 * about one of them beside that.
 */
export default defineConfig({
  test: {
    // Most tests wait for a server or a process: one more than vitest takes.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 20_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'single',
          include: ['test/**/*.test.ts'],
          exclude: [
            ...configDefaults.exclude,
            'test/cluster/**',
            'test/acl/**',
          ],
          globalSetup: [`${SETUP}/vitest-global-setup`],
        },
      },
      {
        extends: true,
        test: {
          name: 'each write waited for',
          // The kill sweep and the tests of pipelining do both by themselves.
          include: ['test/engine/**/*.test.ts', 'test/faults/**/*.test.ts'],
          exclude: [
            ...configDefaults.exclude,
            'test/faults/kill-sweep.test.ts',
            'test/faults/read-only.test.ts',
            'test/faults/hostile-input.test.ts',
            'test/faults/every-service.test.ts',
            'test/faults/*-channel-*.test.ts',
            'test/faults/rotation-kill.test.ts',
          ],
          env: { PIPELINING: 'false' },
          globalSetup: [`${SETUP}/vitest-global-setup`],
        },
      },
      {
        extends: true,
        test: {
          name: 'cluster',
          include: [...EVERYWHERE, 'model', 'cluster'].map(
            (folder) => `test/${folder}/**/*.test.ts`
          ),
          globalSetup: [`${SETUP}/vitest-cluster-setup`],
        },
      },
      {
        extends: true,
        test: {
          name: 'restricted user',
          include: [...EVERYWHERE, 'acl'].map(
            (folder) => `test/${folder}/**/*.test.ts`
          ),
          globalSetup: ['test/acl/setup.ts'],
        },
      },
    ],
  },
})
