import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [
    {
      name: 'lua-as-text',
      transform(code, id) {
        if (!id.endsWith('.lua')) return
        return `export default ${JSON.stringify(code)}`
      },
    },
  ],
  test: {
    include: ['test/**/*.test.ts'],
  },
})
