import type { SessionStore } from '@pikku/core/services'
import {
  RedisArgumentError,
  RedisCorruptDataError,
  RedisOptionsError,
  type RedisAdapter,
  SessionKeys,
  sessionScripts,
  wholeNumber,
} from '@pikku/redis-core'
import { decodeJson } from '../common/json.js'
import { RedisService } from '../common/redis-service.js'
import {
  resolveServiceOptions,
  type ServiceOptions,
} from '../common/service-options.js'

/** A session, as the engine's interface has it. */
export type Session = NonNullable<Awaited<ReturnType<SessionStore['get']>>>

export interface RedisSessionStoreOptions extends ServiceOptions {
  /**
   * The start of every key.
   * @default 'pikku'
   */
  keyPrefix?: string
  /**
   * For how long a session lives, in ms, from when it was set.
   * @default for ever
   */
  ttlMs?: number
  /**
   * Whether reading a session gives it its whole `ttlMs` again.
   * @default false
   */
  sliding?: boolean
}

/** Redis keeps an expiry in ms since the epoch; this is far below its limit. */
const LONGEST_TTL_MS = 100 * 365 * 24 * 60 * 60 * 1000

/**
 * Users' sessions: `{prefix}:session:{pikkuUserId}` is a string, the session as
 * JSON, as in 0.12. One round trip for each call, on any node of a cluster.
 *
 * Concurrency: the last of concurrent `set` calls is the one that stays, whole.
 * Of a `clear` and a `set` the later one wins. A sliding read prolongs what is
 * there, and never brings back what was cleared or has expired.
 *
 * Crash: each call is one command or script, so there is nothing in between.
 */
export abstract class BaseRedisSessionStore<
  UserSession extends Session = Session,
>
  extends RedisService
  implements SessionStore<UserSession>
{
  readonly #keys: SessionKeys
  readonly #ttlMs: number | undefined
  readonly #sliding: boolean

  protected constructor(
    adapter: RedisAdapter,
    given?: RedisSessionStoreOptions | string,
    ttlSeconds?: number
  ) {
    const options = resolveSessionOptions(given, ttlSeconds)
    super(adapter, options)
    this.#keys = new SessionKeys(options.keyPrefix ?? 'pikku')
    this.#ttlMs = options.ttlMs
    this.#sliding = options.sliding ?? false
  }

  /**
   * @throws RedisCorruptDataError for a stored session that is not JSON of an
   *   object.
   */
  async get(pikkuUserId: string): Promise<UserSession | undefined> {
    const key = this.#keys.sessionKey(pikkuUserId)
    const text =
      this.#sliding && this.#ttlMs !== undefined
        ? await this.runner.send('GETEX', key, 'PX', String(this.#ttlMs))
        : await this.runner.send('GET', key)
    if (text === null) return undefined
    const session = decodeJson<unknown>(String(text), key, 'value')
    if (typeof session !== 'object' || session === null) {
      throw new RedisCorruptDataError(key, 'value', 'it is no session')
    }
    return session as UserSession
  }

  /**
   * @throws RedisArgumentError for what is no object.
   * @throws RedisSerializationError, RedisValueTooLargeError; nothing was sent.
   */
  async set(pikkuUserId: string, session: UserSession): Promise<void> {
    const key = this.#keys.sessionKey(pikkuUserId)
    const what = `The session of '${pikkuUserId}'`
    if (typeof session !== 'object' || session === null) {
      throw new RedisArgumentError(`${what} must be an object`)
    }
    await this.runner.run(sessionScripts.setSession, {
      keys: { session: key },
      args: { value: this.encode(session, what), ttlMs: this.#ttlMs ?? 0 },
    })
  }

  /** Ends the user's session, if there is one. */
  async clear(pikkuUserId: string): Promise<void> {
    await this.runner.run(sessionScripts.clearSession, {
      keys: { session: this.#keys.sessionKey(pikkuUserId) },
      args: {},
    })
  }
}

function resolveSessionOptions(
  given: RedisSessionStoreOptions | string | undefined,
  ttlSeconds: number | undefined
): RedisSessionStoreOptions {
  const options = resolveServiceOptions<RedisSessionStoreOptions>(given, {
    ttlMs: true,
    sliding: true,
  })
  const { sliding, ttlMs } = options
  if (ttlSeconds !== undefined && ttlMs !== undefined) {
    throw new RedisOptionsError('ttlSeconds and ttlMs are the same: give one')
  }
  if (ttlMs !== undefined) wholeNumber('ttlMs', ttlMs, 1, LONGEST_TTL_MS)
  if (sliding !== undefined && typeof sliding !== 'boolean') {
    throw new RedisOptionsError('sliding is true or false')
  }
  // As in 0.12, where no seconds are no limit.
  if (!ttlSeconds) {
    if (sliding && ttlMs === undefined) {
      throw new RedisOptionsError('sliding needs a ttlMs')
    }
    return options
  }
  wholeNumber('ttlSeconds', ttlSeconds, 1, LONGEST_TTL_MS / 1000)
  return { ...options, ttlMs: ttlSeconds * 1000 }
}
