import { RedisOptionsError } from './errors.js'
import { wholeNumber } from './whole-number.js'

/** How many replicas have to confirm a write, and for how long to wait. */
export interface Durability {
  /** Replicas besides the master: 1 or more. */
  replicas: number
  /** In ms, and less than the deadline of a call. */
  timeoutMs: number
}

export interface RunnerOptions {
  /**
   * How long a call may take, in ms, repetitions included and whatever the
   * client's own settings.
   * @default 10000
   */
  callTimeoutMs?: number
  /**
   * Waits for replicas after each write that somebody acts on next.
   * @default none: a write counts when the master has it
   */
  durability?: Durability | undefined
}

/** @throws RedisOptionsError that names the option, its value and its range. */
export function resolveRunnerOptions({
  callTimeoutMs = 10_000,
  durability,
}: RunnerOptions): {
  callTimeoutMs: number
  durability: Durability | undefined
} {
  wholeNumber('callTimeoutMs', callTimeoutMs, 1)
  if (durability === undefined) return { callTimeoutMs, durability }
  if (typeof durability !== 'object' || durability === null) {
    throw new RedisOptionsError('durability must be an object')
  }
  for (const key of Object.keys(durability)) {
    if (key === 'replicas' || key === 'timeoutMs') continue
    throw new RedisOptionsError(
      `durability.${key} is not an option: there are replicas, timeoutMs`
    )
  }
  return {
    callTimeoutMs,
    durability: {
      replicas: wholeNumber('durability.replicas', durability.replicas, 1),
      timeoutMs: wholeNumber(
        'durability.timeoutMs',
        durability.timeoutMs,
        1,
        callTimeoutMs - 1
      ),
    },
  }
}
