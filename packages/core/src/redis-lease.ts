import { RedisLockLostError } from './errors.js'
import type { LockOptions } from './lock-options.js'
import { extendLock, releaseLock } from './scripts/lock/lock-scripts.js'
import type { ScriptRunner } from './script-runner.js'

/** Between two tries of a renewal that failed, in ms. */
const RENEWAL_RETRY_MS = 100

/**
 * A lock that is held.
 *
 * Concurrency: the server decides who holds the lock, this object only what it
 * may still believe. It counts the lease from before the `SET` was sent, by a
 * monotonic clock, so it stops believing no later than the server does; a
 * process that was paused finds the lease over when it wakes up.
 *
 * A crash at any point leaves the key with its time to live, nothing else.
 */
export class RedisLease {
  readonly key: string
  /**
   * The fencing token: 128 random bits, the value of the lock's key while
   * this lease holds it. Scripts that write compare it.
   */
  readonly token: string
  readonly #runner: ScriptRunner
  readonly #options: Required<LockOptions>
  readonly #lost = new AbortController()
  #state: 'held' | 'lost' | 'released' = 'held'
  #validUntil: number
  #renewal: NodeJS.Timeout | undefined
  #expiry: NodeJS.Timeout | undefined

  /** @param sentAt `performance.now()` from before the lock was asked for. */
  constructor(
    runner: ScriptRunner,
    key: string,
    token: string,
    options: Required<LockOptions>,
    sentAt: number
  ) {
    this.#runner = runner
    this.key = key
    this.token = token
    this.#options = options
    this.#validUntil = sentAt + options.ttlMs
    this.#watch()
    this.#renewAfter(options.renewEveryMs)
  }

  /** Fires when the lease is lost; its reason is a `RedisLockLostError`. */
  get signal(): AbortSignal {
    return this.#lost.signal
  }

  get state(): 'held' | 'lost' | 'released' {
    // A process that just woke up has not run its timers yet.
    if (this.#state === 'held' && performance.now() >= this.#validUntil) {
      this.#lose('it could not be renewed in time')
    }
    return this.#state
  }

  /**
   * Frees the lock if it is still this lease's. Idempotent, never rejects: a
   * lock that could not be freed is free when its time to live is over.
   *
   * @returns What went wrong, for a log, or undefined.
   */
  async release(): Promise<unknown> {
    if (this.state !== 'held') return undefined
    this.#state = 'released'
    this.#stopTimers()
    try {
      const { code } = await this.#runner.run(
        releaseLock,
        { keys: { lock: this.key }, args: { token: this.token } },
        this.#whileValid()
      )
      return code === 'lost' ? this.#error('it had another owner') : undefined
    } catch (error) {
      return error
    }
  }

  /**
   * Tells the lease what its renewal would only find out later: a script that
   * checked the token refused it. The signal fires. Does nothing to a lease
   * that is lost or released already.
   *
   * @param why For the message of the signal's reason.
   */
  lose(why: string): void {
    if (this.state === 'held') this.#lose(why)
  }

  async #renew(): Promise<void> {
    const sentAt = performance.now()
    try {
      const { code } = await this.#runner.run(
        extendLock,
        {
          keys: { lock: this.key },
          args: { token: this.token, ttlMs: this.#options.ttlMs },
        },
        this.#whileValid()
      )
      if (this.#state !== 'held') return
      if (code === 'lost') return this.#lose('it has another owner')
      this.#validUntil = sentAt + this.#options.ttlMs
      this.#watch()
      this.#renewAfter(this.#options.renewEveryMs)
    } catch {
      // The server is away: the lease may outlast that, its expiry decides.
      if (this.#state === 'held') {
        this.#renewAfter(Math.min(RENEWAL_RETRY_MS, this.#options.renewEveryMs))
      }
    }
  }

  /** A call about this lock is of use, and repeated, until the lease ends. */
  #whileValid(): { timeoutMs: number } {
    return { timeoutMs: Math.max(1, this.#validUntil - performance.now()) }
  }

  #renewAfter(ms: number): void {
    clearTimeout(this.#renewal)
    this.#renewal = setTimeout(() => void this.#renew(), ms).unref()
  }

  #watch(): void {
    clearTimeout(this.#expiry)
    this.#expiry = setTimeout(
      () => {
        // Timers count whole milliseconds, so one may fire a little early.
        if (this.state === 'held') this.#watch()
      },
      Math.max(0, Math.ceil(this.#validUntil - performance.now()))
    ).unref()
  }

  #lose(why: string): void {
    this.#state = 'lost'
    this.#stopTimers()
    this.#lost.abort(this.#error(why))
  }

  #error(why: string): RedisLockLostError {
    return new RedisLockLostError(
      this.key,
      `The lock '${this.key}' was lost: ${why}`
    )
  }

  #stopTimers(): void {
    clearTimeout(this.#renewal)
    clearTimeout(this.#expiry)
  }
}
