import { type RedisAdapter, ScriptRunner } from '@pikku/redis-core'
import { encodeJson } from './json.js'
import { MAX_VALUE_BYTES, type ServiceOptions } from './service-options.js'

/** What every service is beside what it does: a connection, and its end. */
export abstract class RedisService {
  /** The connection, for what this service does not offer. */
  readonly adapter: RedisAdapter
  protected readonly runner: ScriptRunner
  readonly #maxValueBytes: number

  /** @throws RedisOptionsError that names the option. */
  protected constructor(adapter: RedisAdapter, options: ServiceOptions) {
    this.adapter = adapter
    this.runner = new ScriptRunner(adapter, options)
    this.#maxValueBytes = options.maxValueBytes ?? MAX_VALUE_BYTES
  }

  /**
   * Connects. Can be called again after it failed.
   *
   * @throws RedisConnectionError for a wrong host, port or password, within
   *   the client's connect timeout.
   */
  async init(): Promise<void> {
    await this.adapter.open()
  }

  /** Closes what this service opened; a client that it was given stays open. */
  async close(): Promise<void> {
    await this.adapter.close()
  }

  /** A value as JSON within the size limit: see {@link encodeJson}. */
  protected encode(value: unknown, what: string): string {
    return encodeJson(value, what, this.#maxValueBytes)
  }
}
