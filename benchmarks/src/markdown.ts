import { contenderOf } from './contenders.ts'
import type { Environment } from './environment.ts'
import type { Result } from './report.ts'
import type { Metric, Row } from './scenario.ts'
import { scenarioOf } from './scenarios/index.ts'

/** The page about all scenarios that have results. */
export function toMarkdown(results: readonly Result[]): string {
  const parts = [
    '# Results',
    'Written by `pnpm bench`; the page above says how to read and repeat it.',
    ...results.flatMap(section),
  ]
  return `${parts.join('\n\n')}\n`
}

function section(result: Result): string[] {
  const scenario = scenarioOf(result.scenario)
  const { settings, environment } = result
  const smoke = settings.quick
    ? ['**A smoke run: these figures say nothing.**']
    : []
  return [
    `## ${scenario.title}`,
    scenario.about.trim(),
    ...smoke,
    `![${scenario.title}](${scenario.name}.svg)`,
    ...Object.entries(scenario.metrics).flatMap(([id, metric]) =>
      table(
        metric,
        result.rows.filter((row) => row.metric === id)
      )
    ),
    ...notes(scenario.notes?.(result.rows) ?? []),
    describe(environment, settings.rounds),
  ]
}

function table(metric: Metric, rows: readonly Row[]): string[] {
  if (rows.length === 0) return []
  const hasPublished = rows.some((row) => row.toPublished !== undefined)
  const hasFloor = rows.some((row) => row.toFloor !== undefined)
  const head = [
    'case',
    'contender',
    `${metric.label}, median`,
    'lowest to highest',
    ...(hasPublished ? ['to published'] : []),
    ...(hasFloor ? ['to floor'] : []),
  ]
  const lines = rows.map((row) => [
    row.case,
    contenderOf(row.contender).label,
    `${format(row.median)} ${metric.unit}`.trim(),
    `${format(row.min)} to ${format(row.max)}`,
    ...(hasPublished ? [times(row.toPublished)] : []),
    ...(hasFloor ? [times(row.toFloor)] : []),
  ])
  const align = head.map((_, i) => (i < 2 ? '---' : '---:'))
  const title = `### ${metric.label} (${metric.better} is better)`
  return [
    title,
    [head, align, ...lines]
      .map((cells) => `| ${cells.join(' | ')} |`)
      .join('\n'),
  ]
}

function notes(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [lines.map((line) => `- ${line}`).join('\n')]
}

function describe(environment: Environment, rounds: number): string {
  const { date, commit, cpu, cores, memoryGiB, pinning, loadAverage } =
    environment
  const packages = Object.entries(environment.packages)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')
  return (
    `_${rounds} rounds on ${date.slice(0, 10)}, commit ${commit}. ${cores} cores ` +
    `of ${cpu} (${pinning}), ${memoryGiB} GiB, load ${loadAverage} at the start; ` +
    `${environment.system}, Node ${environment.node}, ${environment.server}; ` +
    `${packages}._`
  )
}

function times(ratio: number | undefined): string {
  return ratio === undefined ? '' : `× ${format(ratio)}`
}

/** Two or three digits that count, and spaces between thousands. */
export function format(value: number): string {
  const size = Math.abs(value)
  if (size >= 1_000) {
    return Math.round(value).toLocaleString('en').replaceAll(',', ' ')
  }
  const text = size < 1 ? value.toPrecision(2) : value.toPrecision(3)
  return Number(text).toString()
}
