import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['@pikku/redis-testing/vitest-global-setup'],
    testTimeout: 240_000,
    hookTimeout: 60_000,
    // Both drive real worker processes: side by side they would slow each other.
    fileParallelism: false,
  },
})
