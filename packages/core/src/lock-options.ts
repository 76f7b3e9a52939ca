import { RedisOptionsError } from './errors.js'

export interface LockOptions {
  /**
   * For how long, in ms, a lock outlives a holder that died.
   * @default 30000
   */
  ttlMs?: number
  /**
   * How often, in ms, a held lock gets its full time to live again.
   * @default a third of `ttlMs`
   */
  renewEveryMs?: number
  /**
   * How many times to try before giving up.
   * @default 10
   */
  retries?: number
  /**
   * How long, in ms, to wait between two tries, give or take a tenth.
   * @default 100
   */
  retryDelayMs?: number
}

const KNOWN = new Set(['ttlMs', 'renewEveryMs', 'retries', 'retryDelayMs'])
/** The longest delay that a timer of Node takes. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** @throws RedisOptionsError that names the option, its value and its range. */
export function resolveLockOptions(
  options: LockOptions = {}
): Required<LockOptions> {
  if (typeof options !== 'object' || options === null) {
    throw new RedisOptionsError('lock must be an object')
  }
  for (const key of Object.keys(options)) {
    if (!KNOWN.has(key)) {
      throw new RedisOptionsError(
        `lock.${key} is not an option: there are ${[...KNOWN].join(', ')}`
      )
    }
  }
  const ttlMs = whole('ttlMs', options.ttlMs ?? 30_000, 10, MAX_TIMER_MS)
  return {
    ttlMs,
    renewEveryMs: whole(
      'renewEveryMs',
      options.renewEveryMs ?? Math.floor(ttlMs / 3),
      1,
      ttlMs - 1
    ),
    retries: whole('retries', options.retries ?? 10, 1, 1_000_000),
    retryDelayMs: whole(
      'retryDelayMs',
      options.retryDelayMs ?? 100,
      0,
      MAX_TIMER_MS
    ),
  }
}

function whole(name: string, value: unknown, min: number, max: number): number {
  if (
    typeof value !== 'number' ||
    !Number.isInteger(value) ||
    value < min ||
    value > max
  ) {
    throw new RedisOptionsError(
      `lock.${name} must be a whole number from ${min} to ${max}, ` +
        `not ${String(value)}`
    )
  }
  return value
}
