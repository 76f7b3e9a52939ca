import { type RedisLease, runScripts } from '@pikku/redis-core'
import { toFields } from '../common/hash.js'
import type { FirstRead, HeldRun } from './held-run.js'
import type { StoreContext } from './store-context.js'

/**
 * Attempts that come along with the lock. A script's reply is in the server's
 * memory twice, so it is kept short; a longer history is read on from there.
 */
const FIRST_ATTEMPTS = 64

/**
 * The lock of a run around a body. Reentrant: inside a run's own lock the body
 * just runs.
 *
 * Concurrency: what is read along with the lock is read in the script that takes
 * it, so no driver wrote after that. A worker may have, as it may while any other
 * reply is on its way: the message that it sends then has the run driven again,
 * and so has its note ('woken'), which is not the one that this driver found.
 *
 * Crash: there is nothing between the lock and the read. A lock whose holder died
 * is free when its time to live is over. The note that the run has to be driven
 * goes only when its driver has come to rest, so it outlives a driver that dies.
 */
export class RunLock {
  readonly #context: StoreContext

  constructor(context: StoreContext) {
    this.#context = context
  }

  /** @throws what `RedisLock.withLock` and the body throw. */
  async around<T>(runId: string, body: () => Promise<T>): Promise<T> {
    const { fences, keys, lock } = this.#context
    if (fences.holds(runId)) return body()
    return lock.withLock(keys.lockKey(runId), (lease) =>
      this.#within(runId, lease, body)
    )
  }

  /**
   * The same for a body that replays the run first: the run and its history come
   * along in one round trip.
   *
   * @param asksForSteps Whether the body asks for each step that its replay has
   *   not seen, and takes none for new.
   */
  async aroundDriver<T>(
    runId: string,
    asksForSteps: boolean,
    body: () => Promise<T>
  ): Promise<T> {
    const { fences, keys, lock, runner } = this.#context
    if (fences.holds(runId)) return body()
    const runKeys = keys.runScriptKeys(runId)
    const limit = FIRST_ATTEMPTS
    let first: FirstRead | undefined
    return lock.withLock(
      runKeys.lock,
      (lease) => {
        const woken = toFields(first?.run ?? null).get('woken')
        return this.#within(runId, lease, body, { first, woken, asksForSteps })
      },
      {
        take: async (token, ttlMs) => {
          const outcome = await runner.run(runScripts.acquireRun, {
            keys: runKeys,
            args: { token, ttlMs, limit },
          })
          first = outcome.read && { ...outcome.read, limit }
          return outcome
        },
      }
    )
  }

  /**
   * A driver leaves the run, when all branches of the body have come to rest.
   *
   * @param rests Whether it has done what there was to do. Then the note that
   *   the run has to be driven goes, as far as this driver has seen it.
   */
  async leave(runId: string, rests: boolean): Promise<void> {
    const { fences, keys, runner } = this.#context
    await fences.leave(runId)
    const hold = fences.heldRun(runId)
    if (!rests || !hold?.woken || hold.ended || hold.stopped) return
    const gone = runner.run(runScripts.restRun, {
      keys: keys.runScriptKeys(runId),
      args: { token: hold.lease.token, seen: hold.woken },
    })
    // If it stays, then a sweep has the run driven once in vain.
    await gone.catch(() => {})
  }

  #within<T>(
    runId: string,
    lease: RedisLease,
    body: () => Promise<T>,
    replay: Partial<Pick<HeldRun, 'first' | 'woken' | 'asksForSteps'>> = {}
  ): Promise<T> {
    const { fences, writer } = this.#context
    const hold = Object.assign(writer.hold(runId, lease), replay)
    return fences.within(runId, hold, body)
  }
}
