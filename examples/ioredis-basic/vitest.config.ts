import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['@pikku/redis-testing/vitest-global-setup'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
})
