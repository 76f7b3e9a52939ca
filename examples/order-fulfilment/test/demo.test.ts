import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

test('a killed worker loses no order and repeats no effect', () => {
  const demo = spawnSync(process.execPath, [MAIN], { encoding: 'utf8' })

  const proofs = demo.stdout.match(
    /PROOF 5 orders completed, 25 effects happened exactly once,\n +0 of \d+ recorded steps ran again/g
  )
  expect(proofs ?? demo.stdout + demo.stderr).toHaveLength(2)
  expect(demo.stdout).toContain('OK: on ioredis and node-redis')
  expect(demo.status).toBe(0)
})
