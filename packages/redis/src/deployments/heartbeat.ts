import { RedisClosedError } from '@pikku/redis-core'
import { log, type ServiceLogger } from '../common/service-logger.js'
import type { Registration } from './registration.js'

export interface HeartbeatSettings {
  readonly heartbeatInterval: number
  readonly heartbeatTtl: number
  readonly logger: ServiceLogger
}

/**
 * Renews a registration, one renewal at a time, and says once when that starts
 * to fail and once when it works again. Does not keep the process alive.
 */
export class Heartbeat {
  readonly #registration: Registration
  readonly #settings: HeartbeatSettings
  readonly #timer: NodeJS.Timeout
  #isBeating = false
  #ended = false
  #state: 'well' | 'failing' | 'superseded' = 'well'

  constructor(registration: Registration, settings: HeartbeatSettings) {
    this.#registration = registration
    this.#settings = settings
    this.#timer = setInterval(
      () => void this.#beat(),
      settings.heartbeatInterval
    ).unref()
  }

  /** Ends it; what a renewal under way comes to is not said any more. */
  end(): void {
    this.#ended = true
    clearInterval(this.#timer)
  }

  async #beat(): Promise<void> {
    if (this.#isBeating) return
    this.#isBeating = true
    try {
      this.#worked(await this.#registration.renew())
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#isBeating = false
    }
  }

  #worked(renewal: Awaited<ReturnType<Registration['renew']>>): void {
    if (renewal === 'stopped') return
    if (renewal === 'superseded') {
      return this.#becomes(
        'superseded',
        'warn',
        'was started by another process: that is the one that is called now'
      )
    }
    if (renewal === 'restored' && this.#state === 'well') {
      return this.#say('info', 'had gone, and is back whole')
    }
    this.#becomes('well', 'info', 'is registered and renewed again')
  }

  #failed(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error)
    this.#becomes(
      'failing',
      'warn',
      'cannot renew its registration, without which it is called for ' +
        `${this.#settings.heartbeatTtl} ms at most: ${why}`
    )
    // No later call on this connection can succeed.
    if (error instanceof RedisClosedError) this.end()
  }

  #becomes(state: 'well' | 'failing' | 'superseded', ...says: Says): void {
    if (state === this.#state) return
    this.#state = state
    this.#say(...says)
  }

  #say(...[level, what]: Says): void {
    if (this.#ended) return
    const { deploymentId } = this.#registration.deployment
    log(this.#settings.logger, level, `Deployment '${deploymentId}' ${what}`)
  }
}

type Says = [level: 'info' | 'warn', what: string]
