import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

test('the example runs its workflow, prints it and ends', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN], {
    encoding: 'utf8',
    env: { ...process.env, REDIS_URL: process.env['REDIS_TEST_URL'] },
    timeout: 15_000,
  })

  expect(stderr).toBe('')
  expect(stdout.trim().split('\n')).toEqual([
    "completed { receipt: 'Receipt for pay-A-1: 4200 cents' }",
    'Charge card #1: succeeded',
    'Send receipt #1: succeeded',
  ])
  expect(status).toBe(0)
})
