import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

test('orders go on through a deploy of every worker, on both clients', () => {
  const demo = spawnSync(process.execPath, [MAIN], { encoding: 'utf8' })

  expect(demo.stdout + demo.stderr).toContain('ioredis: OK, 40 orders')
  expect(demo.stdout).toContain('node-redis: OK, 40 orders')
  expect(demo.stdout.match(/deployed/g)).toHaveLength(6)
  expect(demo.status).toBe(0)
})
