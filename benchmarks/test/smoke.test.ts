import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contenders } from '../src/contenders.ts'
import type { Result } from '../src/report.ts'
import { SCENARIOS } from '../src/scenarios/index.ts'

const execute = promisify(execFile)
const MAIN = join(import.meta.dirname, '../src/main.ts')
const names = SCENARIOS.map(({ name }) => name)

/** Who takes part in a scenario; nobody is missing and nobody is left over. */
const ours = contenders('ours').map(({ id }) => id)
const floors = contenders('floor').map(({ id }) => id)
const defaults = contenders('ours')
  .filter(({ pipelining }) => pipelining === undefined)
  .map(({ id }) => id)
const PARTICIPANTS: Record<string, string[]> = {
  sequential: [...ours, 'published', 'memory', ...floors],
  concurrent: [...ours, 'published', 'memory', ...floors],
  replay: [...ours, 'published', 'memory'],
  reads: [...ours, 'published', ...floors],
  claims: [...ours, 'published'],
  memory: [...ours.filter((id) => id.startsWith('ioredis')), 'published'],
  growth: [...defaults, 'published'],
  payloads: [...ours, 'published', ...floors],
  startup: [...defaults, 'published', ...floors],
}

describe('a smoke run of everything', () => {
  let folder: string
  let stdout: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pikku-bench-smoke-'))
    // Never somebody's server: this flushes it.
    const { REDIS_BACKEND: backend, ...others } = process.env
    const env = {
      ...others,
      REDIS_URL: undefined,
      ...(backend !== 'url' && { REDIS_BACKEND: backend }),
    }
    const args = [MAIN, '--quick', '--out', folder]
    ;({ stdout } = await execute(process.execPath, args, { env }))
  }, 180_000)

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true })
  })

  const read = async (name: string) =>
    JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8')) as Result

  test('writes figures and a chart for each scenario, and one page', async () => {
    const files = names.flatMap((name) => [`${name}.json`, `${name}.svg`])
    expect((await readdir(folder)).toSorted()).toEqual(
      [...files, 'README.md'].toSorted()
    )
  })

  test.each(names)('%s: every contender has rows', async (name) => {
    const { rows } = await read(name)
    const found = new Set(rows.map(({ contender }) => contender))
    expect([...found].toSorted()).toEqual(PARTICIPANTS[name]?.toSorted())
  })

  test.each(names)('%s: every figure is a number', async (name) => {
    const { rows } = await read(name)
    for (const { median, min, max } of rows) {
      expect(min).toBeGreaterThanOrEqual(0)
      expect(median).toBeGreaterThanOrEqual(min)
      expect(max).toBeGreaterThanOrEqual(median)
    }
  })

  test.each(names)('%s: the chart is SVG', async (name) => {
    const svg = await readFile(join(folder, `${name}.svg`), 'utf8')
    expect(svg).toMatch(/^<svg [^]*<\/svg>\n$/)
    expect(svg).not.toMatch(/NaN|undefined/)
  })

  // Whoever needs less lowers the number.
  test.each([
    ['replay', '50 steps', 'roundTrips', 3],
    ['reads', '1000 keys', 'historyTrips', 1],
    ['reads', '1000 keys', 'instancesTrips', 1],
    ['reads', '1000 keys', 'graphTrips', 1],
    ['reads', '1000 keys', 'pageTrips', 2],
    ['claims', 'executeWorkflowStep of 0.12.84', 'toFunction', 2],
    ['claims', 'executeWorkflowStep of 0.12.84', 'toEnd', 4],
    ['claims', 'claimStepForExecution of later engines', 'toFunction', 1],
    ['memory', 'all, by used_memory', 'bytes', 21_000],
    ['memory', 'all, by used_memory', 'keys', 23],
  ])('%s, %s: %s is at most %d', async (scenario, name, metric, most) => {
    const { rows } = await read(scenario)
    const found = rows.filter(
      (row) =>
        row.case === name &&
        row.metric === metric &&
        ours.includes(row.contender)
    )
    expect(found.length).toBeGreaterThan(0)
    for (const { median } of found) expect(median).toBeLessThanOrEqual(most)
  })

  test('the results name the machine, the versions and the commit', async () => {
    const { environment } = await read('sequential')
    expect(environment).toMatchObject({
      cores: expect.any(Number),
      cpu: expect.stringMatching(/./),
      node: process.versions.node,
      server: expect.stringMatching(/^(Redis|Valkey) \d+\./),
      commit: expect.stringMatching(/^([0-9a-f]{12}|unknown)/),
    })
    expect(environment.packages['@pikku/redis published']).toBe('0.12.18')
    expect(environment.packages['its ioredis']).toMatch(/^5\./)
    expect(environment.packages['ioredis']).toMatch(/^6\./)
  })

  test('the page says that these figures say nothing', async () => {
    const page = await readFile(join(folder, 'README.md'), 'utf8')
    const smoke = page.match(/A smoke run: these figures say nothing/g)
    expect(smoke).toHaveLength(names.length)
    expect(page).not.toMatch(/NaN|undefined/)
    expect(stdout).toContain(page)
  })
})

test('a scenario that there is not is an error that lists what there is', async () => {
  const run = execute(process.execPath, [MAIN, 'nothing', '--quick'])
  await expect(run).rejects.toThrow(names.join(', '))
})
