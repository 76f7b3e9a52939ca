import type { PikkuWorkflowService } from '@pikku/core/workflow'
import { RedisOptionsError, wholeNumber } from '@pikku/redis-core'

export interface RecoveryOptions {
  /**
   * From the end of one round of sweeps to the next, in ms.
   * @default 5000
   */
  everyMs?: number
  /**
   * How much one sweep looks at in a round.
   * @default 100
   */
  limit?: number
  /**
   * After how long, in ms, a run with nothing in flight and no driver is driven
   * again.
   * @default `stepLeaseMs`
   */
  stalledAfterMs?: number
  /**
   * After how long, in ms, a step that was not handed to the queue is.
   * @default `stepLeaseMs`
   */
  undispatchedAfterMs?: number
  /** Drives runs in this process where there is no queue. */
  rpc?: Parameters<PikkuWorkflowService['runWorkflowJob']>[1]
}

const KNOWN: Record<keyof RecoveryOptions, true> = {
  everyMs: true,
  limit: true,
  stalledAfterMs: true,
  undispatchedAfterMs: true,
  rpc: true,
}
const LONGEST_MS = 24 * 60 * 60 * 1000

/** @throws RedisOptionsError that names the option. */
export function resolveRecoveryOptions(
  options: RecoveryOptions,
  leaseMs: number
): Required<Omit<RecoveryOptions, 'rpc'>> & Pick<RecoveryOptions, 'rpc'> {
  for (const key of Object.keys(options)) {
    if (key in KNOWN) continue
    throw new RedisOptionsError(`'${key}' is not an option of startRecovery`)
  }
  const {
    everyMs = 5_000,
    limit = 100,
    stalledAfterMs = leaseMs,
    undispatchedAfterMs = leaseMs,
    rpc,
  } = options
  wholeNumber('everyMs', everyMs, 10, LONGEST_MS)
  wholeNumber('limit', limit, 1, 100_000)
  wholeNumber('stalledAfterMs', stalledAfterMs, 100, LONGEST_MS)
  wholeNumber('undispatchedAfterMs', undispatchedAfterMs, 100, LONGEST_MS)
  return {
    everyMs,
    limit,
    stalledAfterMs,
    undispatchedAfterMs,
    ...(rpc && { rpc }),
  }
}
