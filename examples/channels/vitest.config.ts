import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The demo finds its own Redis, which can take a while the first time.
    testTimeout: 120_000,
  },
})
