import { defineConfig } from 'vitest/config'

/** The scripts as text, as the build has them. */
export const lua = {
  name: 'lua-as-text',
  transform(code: string, id: string) {
    if (!id.endsWith('.lua')) return
    return `export default ${JSON.stringify(code)}`
  },
}

export default defineConfig({
  plugins: [lua],
  test: {
    include: ['test/**/*.test.ts'],
  },
})
