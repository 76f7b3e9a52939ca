import { RedisOptionsError } from './errors.js'
import { wholeNumber } from './whole-number.js'

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
  const { ttlMs = 30_000, retries = 10, retryDelayMs = 100 } = options
  wholeNumber('lock.ttlMs', ttlMs, 10)
  const { renewEveryMs = Math.floor(ttlMs / 3) } = options
  return {
    ttlMs,
    renewEveryMs: wholeNumber('lock.renewEveryMs', renewEveryMs, 1, ttlMs - 1),
    retries: wholeNumber('lock.retries', retries, 1, 1_000_000),
    retryDelayMs: wholeNumber('lock.retryDelayMs', retryDelayMs, 0),
  }
}
