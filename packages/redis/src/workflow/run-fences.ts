import { AsyncLocalStorage } from 'node:async_hooks'
import {
  RedisConnectionError,
  type RedisLease,
  RedisNotReplicatedError,
  RedisReplyError,
} from '@pikku/redis-core'

/** A run's lock, in the hands of one asynchronous context. */
interface Hold {
  readonly lease: RedisLease
  /** The failure of Redis that ended this context's work on the run. */
  outage?: unknown
}

/**
 * Which run locks the current asynchronous context holds, so that a write to a
 * run made inside its lock carries the fencing token. Parallel branches share
 * the lock that they were started in; a child run adds its own.
 */
export class RunFences {
  readonly #held = new AsyncLocalStorage<ReadonlyMap<string, Hold>>()
  readonly #outages = new WeakSet<Error>()

  /**
   * Runs the body with the run's lock added to what is held.
   *
   * @throws The outage that stopped the body, whatever it made of it.
   */
  async within<T>(
    runId: string,
    lease: RedisLease,
    body: () => Promise<T>
  ): Promise<T> {
    const hold: Hold = { lease }
    const held = new Map(this.#held.getStore()).set(runId, hold)
    try {
      return await this.#held.run(held, body)
    } finally {
      // oxlint-disable-next-line no-unsafe-finally -- it is what happened
      if (hold.outage !== undefined) throw hold.outage
    }
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
    const lease = this.#held.getStore()?.get(runId)?.lease
    if (lease?.state === 'lost') throw lease.signal.reason
    return lease?.state === 'held'
  }

  /**
   * The token that a write to the run must carry, or '' outside its lock. What
   * a body left running when it returned (a branch beside one that failed)
   * is outside again: its result is still worth recording.
   */
  tokenOf(runId: string): string {
    const lease = this.#held.getStore()?.get(runId)?.lease
    return lease === undefined || lease.state === 'released' ? '' : lease.token
  }

  /** A script found that this context's lock of the run is lost. */
  refused(runId: string): void {
    const lease = this.#held.getStore()?.get(runId)?.lease
    lease?.lose('a write with its token was refused')
  }

  /**
   * Makes a call for the run. If Redis fails it (no answer, no memory), then
   * all later calls for the runs that this context holds fail alike: the engine
   * takes any error of a step for the step's own, and would record the run as
   * failed as soon as Redis is back. A run that was only interrupted can be
   * driven again.
   */
  async guard<T>(runId: string, call: () => Promise<T>): Promise<T> {
    const held = this.#held.getStore()
    const hold = held?.get(runId)
    if (hold === undefined || hold.lease.state === 'released') return call()
    if (hold.outage !== undefined) throw hold.outage
    try {
      return await call()
    } catch (error) {
      if (isOutage(error)) {
        this.#outages.add(error)
        for (const each of held?.values() ?? []) each.outage ??= error
      }
      throw error
    }
  }

  /** Whether this is an outage that stopped a body inside a run lock. */
  stoppedBy(error: unknown): boolean {
    return error instanceof Error && this.#outages.has(error)
  }
}

/** Whether Redis failed the call, and not the caller. */
export function isOutage(error: unknown): error is Error {
  return (
    error instanceof RedisConnectionError ||
    error instanceof RedisNotReplicatedError ||
    error instanceof RedisReplyError
  )
}
