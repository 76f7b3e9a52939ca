import { RedisOptionsError } from './errors.js'

/** The longest delay that a timer of Node takes, in ms. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** @throws RedisOptionsError that names the option, its value and its range. */
export function wholeNumber(
  name: string,
  value: unknown,
  min: number,
  max = MAX_TIMER_MS
): number {
  if (
    typeof value === 'number' &&
    Number.isInteger(value) &&
    value >= min &&
    value <= max
  ) {
    return value
  }
  throw new RedisOptionsError(
    `${name} must be a whole number from ${min} to ${max}, not ${String(value)}`
  )
}
