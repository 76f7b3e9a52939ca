import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { drawChart } from './chart.ts'
import type { Environment } from './environment.ts'
import { toMarkdown } from './markdown.ts'
import type { Row, Sample, Scenario, Settings } from './scenario.ts'
import { SCENARIOS } from './scenarios/index.ts'

/** What is kept of a scenario's run, as JSON. */
export interface Result {
  readonly scenario: string
  readonly environment: Environment
  readonly settings: Settings
  readonly rows: readonly Row[]
  readonly samples: readonly Sample[]
}

/** Writes one scenario's figures and chart, and the page about all of them. */
export async function writeResult(
  folder: string,
  scenario: Scenario,
  result: Result
): Promise<void> {
  await mkdir(folder, { recursive: true })
  const { name } = scenario
  await writeFile(
    join(folder, `${name}.json`),
    `${JSON.stringify(result, null, 2)}\n`
  )
  await writeFile(join(folder, `${name}.svg`), drawChart(scenario, result.rows))
  const results = await readResults(folder)
  await writeFile(join(folder, 'README.md'), toMarkdown(results))
}

async function readResults(folder: string): Promise<Result[]> {
  const files = await readdir(folder)
  const known = SCENARIOS.map(({ name }) => `${name}.json`)
  return Promise.all(
    known
      .filter((file) => files.includes(file))
      .map(async (file) =>
        JSON.parse(await readFile(join(folder, file), 'utf8'))
      )
  )
}
