import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

test('one of two servers is killed, the other goes on, and nothing of the dead one is left', () => {
  const demo = spawnSync(process.execPath, [MAIN], { encoding: 'utf8' })

  expect(demo.stdout + demo.stderr).toContain('OK: on ioredis and node-redis')
  expect(demo.stdout.match(/nothing of server A is left/g)).toHaveLength(2)
  expect(demo.stdout.match(/with the session from A/g)).toHaveLength(2)
  expect(demo.stderr).toBe('')
  expect(demo.status).toBe(0)
})
