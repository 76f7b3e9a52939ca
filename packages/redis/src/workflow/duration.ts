const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const UNITS: Array<[unit: RegExp, ms: number]> = [
  [/^(ms|milliseconds?)$/, 1],
  [/^(s|sec|seconds?)$/, 1_000],
  [/^(m|min|minutes?)$/, MINUTE],
  [/^(h|hours?)$/, HOUR],
  [/^(d|days?)$/, DAY],
  [/^(w|weeks?)$/, 7 * DAY],
]

/**
 * A duration as the engine takes it (ms, or '5s', '2min', '1day'), in ms. The
 * engine's own reading of it is not exported; what only that knows, or nobody,
 * is undefined.
 */
export function durationMs(
  duration: number | string | undefined
): number | undefined {
  if (typeof duration === 'number') {
    return Number.isFinite(duration) && duration > 0 ? duration : undefined
  }
  const [, amount, unit = ''] = /^(\d+)([a-z]+)$/.exec(duration ?? '') ?? []
  const ms = UNITS.find(([pattern]) => pattern.test(unit))?.[1]
  return ms === undefined ? undefined : Number(amount) * ms
}
