import {
  type Durability,
  RedisOptionsError,
  resolveRunnerOptions,
  wholeNumber,
} from '@pikku/redis-core'

/** What every service takes. */
export interface ServiceOptions {
  /** The start of every key. */
  keyPrefix?: string
  /**
   * How long a call to Redis may take, in ms, whatever the client's own
   * settings. It is repeated while connections break; after that it is a
   * `RedisTimeoutError`, and takes no effect any more.
   * @default 10000
   */
  callTimeoutMs?: number
  /**
   * Waits until replicas have what was written, so that a failover does not
   * lose it.
   * @default none: a write counts when the master has it
   */
  durability?: Durability
  /**
   * The largest value as JSON, in bytes, from 1024 on. A larger one is a
   * `RedisValueTooLargeError`.
   * @default 16777216
   */
  maxValueBytes?: number
}

const COMMON: Record<keyof ServiceOptions, true> = {
  keyPrefix: true,
  callTimeoutMs: true,
  durability: true,
  maxValueBytes: true,
}

/** Room for an error that says that something was too large. */
const SMALLEST_LIMIT = 1_024
/** What Redis takes as one string, unless `proto-max-bulk-len` says more. */
const LARGEST_VALUE = 512 * 1024 * 1024
/** Far above what a value should be, far below what Redis can take. */
export const MAX_VALUE_BYTES = 16 * 1024 * 1024

/**
 * Options as a service was given them: an object, the key prefix alone as in
 * 0.12, or nothing.
 *
 * @param own The names of the service's own options.
 * @throws RedisOptionsError that names the option.
 */
export function resolveServiceOptions<Options extends ServiceOptions>(
  given: Options | string | undefined,
  own: Record<Exclude<keyof Options, keyof ServiceOptions>, true>
): Options {
  const options = (
    typeof given === 'string' ? { keyPrefix: given } : (given ?? {})
  ) as Options
  if (typeof options !== 'object' || Array.isArray(options)) {
    throw new RedisOptionsError(
      'The options must be an object, or the keyPrefix, a string'
    )
  }
  refuseUnknown(options, { ...COMMON, ...own })
  checkValueLimit(options)
  resolveRunnerOptions(options)
  return options
}

/** Those of the options that every service takes. */
export function commonOf(options: ServiceOptions): ServiceOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([key]) => Object.hasOwn(COMMON, key))
  )
}

/** @throws RedisOptionsError for an option that is none. */
export function refuseUnknown(
  options: object,
  known: Record<string, true>
): void {
  for (const key of Object.keys(options)) {
    if (Object.hasOwn(known, key)) continue
    throw new RedisOptionsError(
      `'${key}' is not an option: there are ${Object.keys(known).join(', ')}`
    )
  }
}

/** @throws RedisOptionsError for a limit that is none. */
export function checkValueLimit({ maxValueBytes }: ServiceOptions): void {
  if (maxValueBytes === undefined) return
  wholeNumber('maxValueBytes', maxValueBytes, SMALLEST_LIMIT, LARGEST_VALUE)
}
