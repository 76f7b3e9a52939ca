import { defineConfig } from 'vitest/config'
import { lua } from '../../vitest.config.js'

export default defineConfig({
  plugins: [lua],
  test: { include: ['certify.ts'], testTimeout: 20_000 },
})
