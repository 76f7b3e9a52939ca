import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { RedisServer } from '@pikku/redis-testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Defect } from './certify/raw-adapter.js'

interface Report {
  testResults: Array<{
    assertionResults: Array<{ title: string; status: string }>
  }>
}

const FOLDER = fileURLToPath(new URL('./certify/', import.meta.url))
const VITEST = fileURLToPath(
  new URL('vitest.mjs', import.meta.resolve('vitest/package.json'))
)

/** The tests of the fault contract that fail for an adapter. */
async function failuresOf(url: string, defect: Defect): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'pikku-certify-'))
  const file = join(folder, 'report.json')
  try {
    const reporter = ['--reporter', 'json', '--outputFile', file]
    const args = [VITEST, 'run', '--root', FOLDER, ...reporter]
    const env = { ...process.env, ADAPTER_DEFECT: defect, REDIS_TEST_URL: url }
    // It ends with an error when a test fails; without a report it broke.
    const run = promisify(execFile)(process.execPath, args, { env })
    const problem: unknown = await run.then(
      () => undefined,
      (error: unknown) => error
    )
    const text = await readFile(file, 'utf8').catch(() => {
      throw problem
    })
    return failuresIn(JSON.parse(text) as Report)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function failuresIn(report: Report): string[] {
  const tests = report.testResults.flatMap((file) => file.assertionResults)
  expect(tests.length).toBeGreaterThanOrEqual(10)
  return tests
    .filter(({ status }) => status !== 'passed')
    .map(({ title }) => title)
}

describe('the fault contract', { timeout: 60_000 }, () => {
  let server: RedisServer

  beforeAll(async () => {
    server = await RedisServer.start()
  }, 60_000)

  afterAll(() => server.stop())

  test('certifies an adapter over a client that it has never seen', async () => {
    expect(await failuresOf(server.url, 'none')).toEqual([])
  })

  test.each([
    ['plain errors', /reply cut in the middle/],
    ['hides NOSCRIPT', /SCRIPT FLUSH/],
    ['forgets calls', /connections cut under load/],
  ] as const)('refuses an adapter with %s', async (defect, title) => {
    const failed = await failuresOf(server.url, defect)
    expect(failed).toContainEqual(expect.stringMatching(title))
  })
})
