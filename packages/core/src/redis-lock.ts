import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { RedisAdapter } from './adapter.js'
import { RedisLockTimeoutError } from './errors.js'
import { type LockOptions, resolveLockOptions } from './lock-options.js'
import { RedisLease } from './redis-lease.js'
import { ScriptRunner } from './script-runner.js'
import type { Outcome } from './scripts/outcome.js'
import { acquireLock } from './scripts/lock/lock-scripts.js'

export interface AcquireOptions {
  /** Gives up waiting; the promise rejects with the signal's reason. */
  signal?: AbortSignal
  /**
   * Takes the lock in place of this class, for a script that does more in the
   * same call. It sets the lock's key to the token, for `ttlMs` milliseconds,
   * unless the key has another one, and answers `ok`; repeated with the same
   * token, it does so again.
   */
  take?: (token: string, ttlMs: number) => Promise<Outcome<string>>
}

export interface RedisLockOptions extends LockOptions {
  /**
   * Told of a lock that could not be freed. It is free when its time to live
   * is over, and the outcome of what it guarded stands.
   */
  onReleaseError?: (key: string, error: unknown) => void
}

/**
 * A lock on one Redis key: `SET NX PX` with an owner's token, renewed while it
 * is held.
 *
 * Waiting is polling. Whoever polls first after a release gets the lock; there
 * is no queue, and none is needed for correctness.
 */
export class RedisLock {
  readonly options: Required<LockOptions>
  readonly #runner: ScriptRunner
  readonly #onReleaseError: (key: string, error: unknown) => void

  /** @throws RedisOptionsError for an option out of its range. */
  constructor(
    source: RedisAdapter | ScriptRunner,
    { onReleaseError, ...options }: RedisLockOptions = {}
  ) {
    this.options = resolveLockOptions(options)
    this.#runner =
      source instanceof ScriptRunner ? source : new ScriptRunner(source)
    this.#onReleaseError = onReleaseError ?? (() => {})
  }

  /**
   * Takes the lock, trying as often as the options say. A grant that arrives
   * after its time to live is none: the next try asks with the same token.
   *
   * @throws RedisLockTimeoutError after the last try.
   */
  async acquire(
    key: string,
    { signal, take = this.#takeOf(key) }: AcquireOptions = {}
  ): Promise<RedisLease> {
    const { ttlMs } = this.options
    const token = randomBytes(16).toString('hex')
    let sentAt = 0
    await this.whenFree(
      key,
      () => {
        sentAt = performance.now()
        return take(token, ttlMs)
      },
      // One that comes later says nothing any more: the lock may be another's.
      ({ code }) => code === 'ok' && performance.now() < sentAt + ttlMs,
      signal
    )
    return new RedisLease(this.#runner, key, token, this.options, sentAt)
  }

  /**
   * Makes a call that somebody else's lock may refuse, trying as often as the
   * options say.
   *
   * @param isFree Whether the call was not refused.
   * @throws RedisLockTimeoutError after the last try.
   */
  async whenFree<T extends Outcome<string>>(
    key: string,
    call: () => Promise<T>,
    isFree: (outcome: T) => boolean,
    signal?: AbortSignal
  ): Promise<T> {
    const { retries, retryDelayMs, ttlMs } = this.options
    for (let tries = 1; ; tries++) {
      signal?.throwIfAborted()
      const outcome = await call()
      if (isFree(outcome)) return outcome
      if (tries < retries) {
        await pause(retryDelayMs, signal)
        continue
      }
      const [leftMs] = outcome.detail
      const left = leftMs && ` (the holder has ${leftMs} ms left)`
      throw new RedisLockTimeoutError(
        key,
        outcome.code === 'ok'
          ? `The lock '${key}' was granted, but in ${retries} tries each ` +
              `answer that said so came later than ttlMs (${ttlMs} ms)`
          : `The lock '${key}' was held by another owner for ${retries} ` +
              `tries, ${retryDelayMs} ms apart${left ?? ''}`
      )
    }
  }

  /**
   * Runs the body while holding the lock.
   *
   * @throws RedisLockLostError if the lock was lost while the body ran, with
   *   the body's own error as its cause; otherwise whatever the body throws.
   */
  async withLock<T>(
    key: string,
    body: (lease: RedisLease) => Promise<T>,
    options?: AcquireOptions
  ): Promise<T> {
    const lease = await this.acquire(key, options)
    try {
      const result = await body(lease)
      if (lease.state === 'lost') throw lease.signal.reason
      return result
    } catch (error) {
      const lost = lease.state === 'lost' ? lease.signal.reason : undefined
      if (lost === undefined || lost === error) throw error
      lost.cause ??= error
      throw lost
    } finally {
      const problem = await lease.release()
      if (problem !== undefined) this.#onReleaseError(key, problem)
    }
  }

  #takeOf(key: string): NonNullable<AcquireOptions['take']> {
    return (token, ttlMs) =>
      this.#runner.run(acquireLock, {
        keys: { lock: key },
        args: { token, ttlMs },
      })
  }
}

/** Gives or takes a tenth, so that waiters do not poll in step. */
async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  const jittered = ms * (0.9 + Math.random() * 0.2)
  try {
    await delay(jittered, undefined, signal ? { signal } : undefined)
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}
