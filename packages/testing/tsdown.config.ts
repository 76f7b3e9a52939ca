import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: [
    'src/index.ts',
    'src/vitest-global-setup.ts',
    'src/vitest-cluster-setup.ts',
  ],
  format: 'esm',
  dts: true,
  platform: 'node',
  target: 'node22',
  // `.js`, because package.json says `"type": "module"` already.
  fixedExtension: false,
  // The augmentation of 'vitest' has to stay an augmentation in the declarations.
  deps: { neverBundle: [/^vitest/] },
})
