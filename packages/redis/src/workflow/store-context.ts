import {
  type KeySchema,
  type Outcome,
  RedisLockLostError,
  RedisRunNotFoundError,
  RedisStepNotFoundError,
  type ScriptRunner,
} from '@pikku/redis-core'
import type { RunFences } from './run-fences.js'

/** What the stores share. */
export interface StoreContext {
  readonly runner: ScriptRunner
  readonly keys: KeySchema
  readonly fences: RunFences
  /** Told of a write that came too late and changed nothing. */
  readonly onKept: (message: string) => void
}

/**
 * Turns a script's refusal into the error that names it.
 *
 * @throws RedisRunNotFoundError, RedisStepNotFoundError, RedisLockLostError
 */
export function assertAccepted(
  { code }: Outcome<string>,
  keys: KeySchema,
  runId: string,
  stepName = ''
): void {
  if (code === 'no-run') throw new RedisRunNotFoundError(runId)
  if (code === 'no-step') throw new RedisStepNotFoundError(runId, stepName)
  if (code === 'lost') {
    const key = keys.lockKey(runId)
    throw new RedisLockLostError(
      key,
      `The lock '${key}' of run '${runId}' was lost: nothing was written`
    )
  }
}
