import { describe, expect, test } from 'vitest'
import type { Sample } from '../src/scenario.ts'
import { sequential } from '../src/scenarios/sequential.ts'
import { median, ratio, rotated } from '../src/statistics.ts'
import { summarise } from '../src/summary.ts'

const sample = (contender: string, stepsPerSecond: number): Sample => ({
  case: 'a case',
  contender,
  values: { stepsPerSecond },
})

describe('statistics', () => {
  test('the median is the middle one, or the mean of two', () => {
    expect(median([9])).toBe(9)
    expect(median([10, 1, 2])).toBe(2)
    expect(median([4, 1, 100, 2])).toBe(3)
    expect(() => median([])).toThrow('No median')
  })

  test('the order of the samples stays as it was', () => {
    const values = [3, 1, 2]
    median(values)
    expect(values).toEqual([3, 1, 2])
  })

  test('there is no ratio to nothing', () => {
    expect(ratio(6, 3)).toBe(2)
    expect(ratio(6, 0)).toBeUndefined()
    expect(ratio(6, undefined)).toBeUndefined()
  })

  test('everybody comes first in some round', () => {
    const orders = [0, 1, 2, 3].map((round) =>
      rotated(['a', 'b', 'c'], round).join('')
    )
    expect(orders).toEqual(['abc', 'bca', 'cab', 'abc'])
    expect(rotated([], 3)).toEqual([])
  })
})

describe('the summary', () => {
  const samples = [
    ...[100, 110, 90].map((rate) => sample('published', rate)),
    ...[400, 500, 450].map((rate) => sample('ioredis', rate)),
    ...[900, 1_000, 1_100].map((rate) => sample('floor-ioredis', rate)),
    sample('memory', 10_000),
  ]
  const rows = summarise(sequential, samples)
  const row = (contender: string, metric = 'stepsPerSecond') =>
    rows.find((each) => each.contender === contender && each.metric === metric)

  test('has medians, extremes, and ratios within the case', () => {
    expect(row('ioredis')).toEqual({
      case: 'a case',
      contender: 'ioredis',
      metric: 'stepsPerSecond',
      median: 450,
      min: 400,
      max: 500,
      samples: 3,
      toPublished: 4.5,
      toFloor: 0.45,
    })
    expect(row('published')).toMatchObject({ toPublished: 1, toFloor: 0.1 })
  })

  test('the engine has no floor: it has no client', () => {
    expect(row('memory')).not.toHaveProperty('toFloor')
  })

  test('what is possible is a round trip and the engine', () => {
    // 1 ms + 0.1 ms of the 1/450 s that a step took.
    expect(row('ioredis', 'ofPossible')?.median).toBeCloseTo(0.495)
    expect(row('floor-ioredis', 'ofPossible')).toBeUndefined()
  })

  test('a case is compared with itself', () => {
    const other = { ...sample('published', 1), case: 'another case' }
    const [, published] = summarise(sequential, [sample('ioredis', 450), other])
    expect(published?.case).toBe('another case')
    const [first] = summarise(sequential, [sample('ioredis', 450), other])
    expect(first).not.toHaveProperty('toPublished')
  })
})
