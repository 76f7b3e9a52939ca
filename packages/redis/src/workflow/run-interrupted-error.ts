import { RedisError } from '@pikku/redis-core'

/**
 * This process stopped driving a run because another one holds its lock, or
 * took it over. The run itself is well: it goes on elsewhere.
 *
 * The engine marks a run as failed for any error but a few that it knows by
 * name; this one has such a name.
 */
export class RedisRunInterruptedError extends RedisError {
  override name = 'WorkflowAsyncException'
  override readonly code = 'REDIS_RUN_INTERRUPTED'
  readonly runId: string

  constructor(runId: string, options: ErrorOptions) {
    super(`Run '${runId}' is driven by another process`, options)
    this.runId = runId
  }
}
