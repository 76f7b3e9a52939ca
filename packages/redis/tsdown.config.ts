import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: ['src/index.ts', 'src/node-redis.ts'],
  platform: 'node',
  target: 'node24',
  dts: true,
  fixedExtension: false,
})
