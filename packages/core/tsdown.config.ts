import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: { index: 'src/index.ts', testing: 'src/testing/index.ts' },
  platform: 'node',
  target: 'node22',
  dts: true,
  fixedExtension: false,
  loader: { '.lua': 'text' },
})
