import { RedisError } from '@pikku/redis-core'

/**
 * This process stopped driving a run: another one drives it, or Redis failed.
 * The run itself is well, and goes on where somebody drives it next; `cause`
 * says what stopped it here.
 *
 * The engine marks a run as failed for any error but a few that it knows by
 * name; this one has such a name: one that it passes on to the caller, or, for
 * a run that somebody else goes on with, one that it keeps to itself.
 */
export class RedisRunInterruptedError extends RedisError {
  override readonly code = 'REDIS_RUN_INTERRUPTED'
  readonly runId: string

  /** @param handedOver Whether it goes on without the caller. */
  constructor(runId: string, cause: Error, handedOver: boolean) {
    super(`Run '${runId}' was interrupted: ${cause.message}`, { cause })
    this.name = handedOver
      ? 'WorkflowAsyncException'
      : 'WorkflowDispatchException'
    this.runId = runId
  }
}
