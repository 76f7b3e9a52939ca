/** The middle one; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('No median of nothing')
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted.length >> 1
  const lower = sorted.length % 2 === 0 ? upper - 1 : upper
  return (sorted[lower]! + sorted[upper]!) / 2
}

export function ratio(value: number, to: number | undefined) {
  return to === undefined || to === 0 ? undefined : value / to
}

/** The list, beginning with another one in each round: nobody is always first. */
export function rotated<T>(list: readonly T[], round: number): T[] {
  const first = list.length === 0 ? 0 : round % list.length
  return [...list.slice(first), ...list.slice(0, first)]
}
