import {
  KeySchema,
  type Outcome,
  type RedisAdapter,
  RedisLock,
  RedisLockLostError,
  RedisRunNotFoundError,
  RedisStepNotFoundError,
  ScriptRunner,
} from '@pikku/redis-core'
import { encodeJson } from '../common/json.js'
import { MAX_VALUE_BYTES } from '../common/service-options.js'
import { RunFences } from './run-fences.js'
import { RunWriter } from './run-writer.js'
import { clipError, type SerializedError } from './serialized-error.js'
import { StepCalls } from './step-calls.js'
import { StepClaims } from './step-claims.js'
import { StepLeases } from './step-leases.js'
import type { RedisWorkflowServiceOptions } from './workflow-options.js'

/** How many slots a cluster's runs are spread over if nobody says. */
const CLUSTER_PARTITIONS = 16
const STEP_LEASE_MS = 30_000

/** What the stores share. */
export interface StoreContext {
  readonly runner: ScriptRunner
  readonly keys: KeySchema
  readonly lock: RedisLock
  readonly fences: RunFences
  readonly writer: RunWriter
  readonly leases: StepLeases
  readonly claims: StepClaims
  readonly calls: StepCalls
  /** Child runs that somebody else may have started, or drive by now. */
  readonly adopted: Set<string>
  /** A value as JSON within the size limit: see {@link encodeJson}. */
  readonly encode: (value: unknown, what: string) => string
  /** An error as JSON, cut to the size limit: it has to be recorded. */
  readonly encodeError: (
    error: SerializedError | undefined,
    what: string
  ) => string
  /** Told of a write that came too late and changed nothing. */
  readonly onKept: (message: string) => void
}

/** @throws RedisOptionsError that names the option. */
export function createStoreContext(
  adapter: RedisAdapter,
  options: RedisWorkflowServiceOptions,
  warn: (message: string) => void
): StoreContext {
  const { keyPrefix, lock, maxValueBytes = MAX_VALUE_BYTES } = options
  const spread = adapter.topology === 'cluster' ? CLUSTER_PARTITIONS : undefined
  const partitions = options.partitions ?? spread
  const runner = new ScriptRunner(adapter, options)
  const keys = new KeySchema({ prefix: keyPrefix, partitions })
  const fences = new RunFences()
  // A mirror is told of each write: that is an effect of its own.
  const pipelining = (options.pipelining ?? true) && !options.mirror
  return {
    runner,
    keys,
    fences,
    writer: new RunWriter(runner, keys, fences, pipelining),
    leases: new StepLeases(runner, keys, options.stepLeaseMs ?? STEP_LEASE_MS),
    claims: new StepClaims(),
    calls: new StepCalls(),
    adopted: new Set(),
    lock: new RedisLock(runner, {
      ...lock,
      onReleaseError: (key, error) =>
        warn(
          `The lock '${key}' was not released and ends by itself: ${String(error)}`
        ),
    }),
    encode: (value, what) => encodeJson(value, what, maxValueBytes),
    encodeError: (error, what) =>
      encodeJson(clipError(error, maxValueBytes), what, maxValueBytes),
    onKept: warn,
  }
}

/**
 * Turns a script's refusal into the error that names it. A lost lock is lost
 * for the whole body, also if that makes nothing of the error.
 *
 * @throws RedisRunNotFoundError, RedisStepNotFoundError, RedisLockLostError
 */
export function assertAccepted(
  { code }: Outcome<string>,
  { keys, fences }: StoreContext,
  runId: string,
  stepName = ''
): void {
  if (code === 'no-run') throw new RedisRunNotFoundError(runId)
  if (code === 'no-step') throw new RedisStepNotFoundError(runId, stepName)
  if (code === 'lost') {
    fences.refused(runId)
    const key = keys.lockKey(runId)
    throw new RedisLockLostError(
      key,
      `The lock '${key}' of run '${runId}' was lost: nothing was written`
    )
  }
}
