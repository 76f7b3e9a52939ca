import { setTimeout as delay } from 'node:timers/promises'
import { type RedisLock, RedisLockTimeoutError } from '@pikku/redis-core'

export interface RecoveryLoopOptions {
  lock: RedisLock
  /** The lock's key: whoever has it is the elected process. */
  key: string
  /** From the end of a tick to the next, in ms. */
  everyMs: number
  tick: (signal: AbortSignal) => Promise<void>
  onError: (error: unknown) => void
}

/**
 * Ticks on one process at a time, of all that run this loop. The elected one
 * keeps a lease while it lives; when it dies, another takes over after at most
 * the lock's time to live and one interval. Keeps no process alive.
 *
 * Crash: sweeps may be cut anywhere (see `Sweeps`), so a tick needs no end.
 */
export class RecoveryLoop {
  readonly #options: RecoveryLoopOptions
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>

  constructor(options: RecoveryLoopOptions) {
    this.#options = options
    this.#ended = this.#run()
  }

  /** Waits for the tick that is under way. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#ended
  }

  async #run(): Promise<void> {
    const { lock, key, everyMs, onError } = this.#options
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        await lock.withLock(key, (lease) => this.#lead(lease.signal), {
          signal,
        })
      } catch (error) {
        const elsewhere = error instanceof RedisLockTimeoutError
        if (!elsewhere && !signal.aborted) onError(error)
      }
      await pause(everyMs, signal)
    }
  }

  async #lead(lost: AbortSignal): Promise<void> {
    const { everyMs, tick, onError } = this.#options
    const signal = AbortSignal.any([lost, this.#stop.signal])
    while (!signal.aborted) {
      await tick(signal).catch(onError)
      await pause(everyMs, signal)
    }
  }
}

/** Never rejects. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => {})
}
