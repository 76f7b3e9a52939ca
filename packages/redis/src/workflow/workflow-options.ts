import type { QueueService } from '@pikku/core/queue'
import type {
  WorkflowQueueOptions,
  WorkflowRunMirror,
} from '@pikku/core/workflow'
import {
  type Durability,
  type LockOptions,
  RedisOptionsError,
  resolveLockOptions,
  resolveRunnerOptions,
  wholeNumber,
} from '@pikku/redis-core'
import { checkValueLimit, refuseUnknown } from '../common/service-options.js'

export interface RedisWorkflowServiceOptions extends WorkflowQueueOptions {
  /**
   * The start of every key.
   * @default 'workflows'
   */
  keyPrefix?: string
  /**
   * Makes workflows remote when the application's singleton services bring no
   * queue of their own. Without any queue, workflows run inline.
   */
  queue?: QueueService
  /** The run lock and the step locks: times in ms, and tries. */
  lock?: LockOptions
  /**
   * Into how many hash slots runs are spread. For a cluster; it is part of the
   * layout, so it cannot be changed for a prefix that is in use.
   * @default 16 on a cluster, none on a single server
   */
  partitions?: number
  /**
   * How long a call to Redis may take, in ms, whatever the client's own
   * settings. It is repeated while connections break; after that it is a
   * `RedisTimeoutError`, and takes no effect any more.
   * @default 10000
   */
  callTimeoutMs?: number
  /**
   * Waits until replicas have what the engine acts on next (a new run, a claim,
   * a start, a result, a status), so that a failover does not lose it.
   * @default none: a write counts when the master has it
   */
  durability?: Durability
  /**
   * Whether the driver of a run goes on while Redis records what nobody acts on
   * yet: the result of a step leaves together with the start of the next one,
   * and that is waited for before the next one runs. `false` waits for each
   * write. With a `mirror` it is off.
   * @default true
   */
  pipelining?: boolean
  /**
   * For how long, in ms, a step stays with a worker that gives no sign of life;
   * renewed at a third of it. See `recoverOrphanedSteps`.
   * @default 30000
   */
  stepLeaseMs?: number
  /**
   * What becomes of a queued step whose worker died: the next attempt while it
   * has one left, or failed at once.
   * @default 'retry'
   */
  orphans?: 'retry' | 'fail'
  /**
   * The largest value (input, result, variable) as JSON, in bytes, from 1024
   * on. A larger one is a `RedisValueTooLargeError`; a larger error is cut.
   * @default 16777216
   */
  maxValueBytes?: number
  /**
   * Whether Pikku's queue workers for workflows are registered.
   * @default true
   */
  wireQueues?: boolean
  /** Told of every write, for a copy elsewhere. */
  mirror?: WorkflowRunMirror
}

const LONGEST_LEASE_MS = 24 * 60 * 60 * 1000

const KNOWN: Record<keyof RedisWorkflowServiceOptions, true> = {
  keyPrefix: true,
  queue: true,
  lock: true,
  partitions: true,
  callTimeoutMs: true,
  durability: true,
  maxValueBytes: true,
  pipelining: true,
  stepLeaseMs: true,
  orphans: true,
  wireQueues: true,
  mirror: true,
  queueStrategy: true,
  queueConcurrency: true,
  queueGroupConcurrency: true,
}

/**
 * One object from any of the constructor's forms.
 *
 * @throws RedisOptionsError that names the option or argument.
 */
export function resolveWorkflowOptions(
  second: unknown,
  third: unknown
): RedisWorkflowServiceOptions {
  const given = gather(second, third)
  refuseUnknown(given, KNOWN)
  const { queue } = given
  if (queue !== undefined && !isQueueService(queue)) {
    throw new RedisOptionsError('queue is not a QueueService: it has no add()')
  }
  checkValueLimit(given)
  if (given.stepLeaseMs !== undefined) {
    wholeNumber('stepLeaseMs', given.stepLeaseMs, 100, LONGEST_LEASE_MS)
  }
  const { orphans } = given
  if (orphans !== undefined && orphans !== 'retry' && orphans !== 'fail') {
    throw new RedisOptionsError("orphans is 'retry' or 'fail'")
  }
  if (given.pipelining !== undefined && typeof given.pipelining !== 'boolean') {
    throw new RedisOptionsError('pipelining is true or false')
  }
  resolveLockOptions(given.lock)
  resolveRunnerOptions(given)
  return given
}

function gather(second: unknown, third: unknown): RedisWorkflowServiceOptions {
  if (isQueueService(second)) {
    return { queue: second, ...prefixOf(third, 'The third argument') }
  }
  if (typeof second === 'string') {
    return { ...optionsOf(third), ...prefixOf(second, 'keyPrefix') }
  }
  if (second === undefined || second === null) {
    return typeof third === 'string'
      ? prefixOf(third, 'keyPrefix')
      : optionsOf(third)
  }
  if (third !== undefined) {
    throw new RedisOptionsError(
      'After an options object there is no further argument'
    )
  }
  return optionsOf(second)
}

function prefixOf(value: unknown, what: string): { keyPrefix?: string } {
  if (value === undefined) return {}
  if (typeof value !== 'string') {
    throw new RedisOptionsError(`${what} must be the keyPrefix, a string`)
  }
  return { keyPrefix: value }
}

function optionsOf(value: unknown): RedisWorkflowServiceOptions {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RedisOptionsError(
      'The options must be an object: (connection, options), ' +
        '(connection, queue, keyPrefix) or (connection, keyPrefix, options)'
    )
  }
  return value
}

function isQueueService(value: unknown): value is QueueService {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<QueueService>).add === 'function'
  )
}
