import { AsyncLocalStorage } from 'node:async_hooks'
import type { RedisLease } from '@pikku/redis-core'

/**
 * Which run locks the current asynchronous context holds, so that a write to a
 * run made inside its lock carries the fencing token. Parallel branches share
 * the lock that they were started in; a child run adds its own.
 */
export class RunFences {
  readonly #held = new AsyncLocalStorage<ReadonlyMap<string, RedisLease>>()

  /** Runs the body with the run's lock added to what is held. */
  within<T>(
    runId: string,
    lease: RedisLease,
    body: () => Promise<T>
  ): Promise<T> {
    const held = new Map(this.#held.getStore())
    held.set(runId, lease)
    return this.#held.run(held, body)
  }

  /**
   * Runs the body as holding nothing. A queue that works inside this process
   * would otherwise hand its jobs the locks of whoever added them.
   */
  outside<T>(body: () => Promise<T>): Promise<T> {
    return this.#held.run(new Map(), body)
  }

  /**
   * Whether this context holds the run's lock: then it need not wait for it.
   *
   * @throws RedisLockLostError if it held the lock and lost it. To take it
   *   again would be to go on with what was read before another owner wrote.
   */
  holds(runId: string): boolean {
    const lease = this.#held.getStore()?.get(runId)
    if (lease?.state === 'lost') throw lease.signal.reason
    return lease?.state === 'held'
  }

  /**
   * The token that a write to the run must carry, or '' outside its lock. What
   * a body left running when it returned (a branch beside one that failed)
   * is outside again: its result is still worth recording.
   */
  tokenOf(runId: string): string {
    const lease = this.#held.getStore()?.get(runId)
    return lease === undefined || lease.state === 'released' ? '' : lease.token
  }
}
