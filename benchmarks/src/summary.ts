import { contenderOf, floorOf } from './contenders.ts'
import type { Row, Sample, Scenario } from './scenario.ts'
import { median, ratio } from './statistics.ts'

/** Medians over the rounds, and their ratios within the same case. */
export function summarise(
  scenario: Pick<Scenario, 'metrics' | 'derive'>,
  samples: readonly Sample[]
): Row[] {
  const groups = Map.groupBy(samples, (sample) =>
    JSON.stringify([sample.case, sample.contender])
  )
  const rows = [...groups.values()].flatMap((group) =>
    Object.keys(scenario.metrics).flatMap((metric) => rowOf(group, metric))
  )
  const compared = rows.map((row) => compare(row, rows))
  return [...compared, ...(scenario.derive?.(compared) ?? [])]
}

function rowOf(group: readonly Sample[], metric: string): Row[] {
  const values = group.flatMap((sample) => sample.values[metric] ?? [])
  if (values.length === 0) return []
  const { contender, case: name } = group[0]!
  return [
    {
      case: name,
      contender,
      metric,
      median: median(values),
      min: Math.min(...values),
      max: Math.max(...values),
      samples: values.length,
    },
  ]
}

function compare(row: Row, rows: readonly Row[]): Row {
  const of = (contender: string | undefined) =>
    rows.find(
      (other) =>
        other.contender === contender &&
        other.case === row.case &&
        other.metric === row.metric
    )?.median
  const toPublished = ratio(row.median, of('published'))
  const toFloor = ratio(row.median, of(floorOf(contenderOf(row.contender))?.id))
  return {
    ...row,
    ...(toPublished !== undefined && { toPublished }),
    ...(toFloor !== undefined && { toFloor }),
  }
}
