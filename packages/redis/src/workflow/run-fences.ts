import { AsyncLocalStorage } from 'node:async_hooks'
import type { HeldRun } from './held-run.js'
import { isOutage } from './outage.js'
import { StaleReplayError } from './stale-replay-error.js'

/**
 * Which run locks the current asynchronous context holds, so that a write to a
 * run made inside its lock carries the fencing token. Parallel branches share
 * the lock that they were started in; a child run adds its own.
 */
export class RunFences {
  readonly #held = new AsyncLocalStorage<ReadonlyMap<string, HeldRun>>()
  readonly #all = new Set<HeldRun>()
  readonly #outages = new WeakSet<Error>()

  /**
   * Runs the body with the run's lock added to what is held; ends when all of
   * its writes are acknowledged.
   *
   * @throws What stopped the body (an outage), whatever it made of it.
   */
  async within<T>(
    runId: string,
    hold: HeldRun,
    body: () => Promise<T>
  ): Promise<T> {
    const held = new Map(this.#held.getStore()).set(runId, hold)
    this.#all.add(hold)
    try {
      const result = await this.#held.run(held, body)
      await hold.close()
      return result
    } catch (error) {
      // What the body failed with says more than what it then left behind.
      await hold.close().catch(() => {})
      throw error
    } finally {
      this.#all.delete(hold)
      // oxlint-disable-next-line no-unsafe-finally -- it is what happened
      if (hold.stopped !== undefined) throw hold.stopped
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
   * The run in the hands of this context, also if its lock was lost. A context
   * that was stopped stays so: what its body left running must not go on beside
   * whoever drives the run next.
   */
  heldRun(runId: string): HeldRun | undefined {
    const hold = this.#held.getStore()?.get(runId)
    return hold?.open || hold?.stopped ? hold : undefined
  }

  /**
   * The body that drove the run is over. If the run is not, its other branches
   * come to rest before the lock is free: see {@link HeldRun.comeToRest}.
   */
  async leave(runId: string): Promise<void> {
    const hold = this.#held.getStore()?.get(runId)
    if (hold?.ended === false) await hold.comeToRest()
  }

  /**
   * The token that a write to the run must carry, or '' outside its lock. What
   * a body left running when it returned is outside again: its result is still
   * worth recording.
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
   * Waits for all that this context has written and not waited for. Whoever is
   * about to have an effect outside, or to read, does so after this.
   *
   * What a parent's body failed with is for that body to find: its child run
   * goes on, as its other steps do, under a lock of its own.
   *
   * @param but A run whose writes keep their order without it.
   * @throws What a deferred write of the innermost run failed with.
   */
  async settle(but?: HeldRun): Promise<void> {
    const holds = [...(this.#held.getStore()?.values() ?? [])]
    for (const hold of holds) {
      if (hold === but) continue
      await (hold === holds.at(-1) ? hold.settled() : hold.acknowledged())
    }
  }

  /** Why the innermost run of this context may not go on, if it may not. */
  whyStopped(): Error | undefined {
    const hold = [...(this.#held.getStore()?.values() ?? [])].at(-1)
    if (hold?.lease.state === 'lost') return hold.lease.signal.reason as Error
    return hold?.stopped
  }

  /** Waits for a run, which may be the child of one that this context holds. */
  awaiting<T>(runId: string, wait: () => Promise<T>): Promise<T> {
    const held = [...(this.#held.getStore()?.values() ?? [])]
    return held.reduce(
      (inner, hold) => () => hold.awaiting(runId, inner),
      wait
    )()
  }

  /** Waits for the writes of all contexts, whatever becomes of them. */
  async settleAll(): Promise<void> {
    await Promise.allSettled([...this.#all].map((hold) => hold.acknowledged()))
  }

  /**
   * Makes a call that reads of the run, after what this context wrote; see
   * {@link guard}.
   */
  async read<T>(runId: string, call: () => Promise<T>): Promise<T> {
    return this.guard(runId, async () => {
      await this.settle()
      return call()
    })
  }

  /**
   * Makes a call for the run. If Redis fails it (no answer, no memory), then
   * all later calls for the runs that this context holds fail alike: the engine
   * takes any error of a step for the step's own, and would record the run as
   * failed as soon as Redis is back. A run that was only interrupted can be
   * driven again.
   */
  async guard<T>(runId: string, call: () => Promise<T>): Promise<T> {
    const hold = this.heldRun(runId)
    if (hold === undefined) return call()
    if (hold.stopped !== undefined) throw hold.stopped
    try {
      return await hold.during(call)
    } catch (error) {
      this.failed(error)
      throw error
    }
  }

  /** Notes the failure of a call that this context made. */
  failed(error: unknown): void {
    if (!isOutage(error) && !(error instanceof StaleReplayError)) return
    if (isOutage(error)) this.#outages.add(error)
    for (const [runId, hold] of this.#held.getStore() ?? []) {
      // An outage is everybody's; a stale replay is one body's.
      const isOther = error instanceof StaleReplayError && error.runId !== runId
      if (!isOther) hold.stop(error)
    }
  }

  /** Whether this is an outage that stopped a body inside a run lock. */
  stoppedBy(error: unknown): boolean {
    return error instanceof Error && this.#outages.has(error)
  }
}
