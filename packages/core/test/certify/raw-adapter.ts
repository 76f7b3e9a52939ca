import { RawConnection, RawReplyError } from '@pikku/redis-testing'
import {
  type RedisAdapter,
  RedisClosedError,
  type RedisCommand,
  RedisConnectionError,
  type RedisReply,
  RedisReplyError,
} from '../../src/index.js'

/** What can be wrong with an adapter. */
export type Defect =
  'none' | 'plain errors' | 'hides NOSCRIPT' | 'forgets calls'

/** An adapter over a client that nobody has heard of, to be certified. */
export class RawAdapter implements RedisAdapter {
  readonly topology = 'single'
  readonly client = undefined
  readonly #url: string
  readonly #defect: Defect
  #connection: Promise<RawConnection> | undefined
  #closed = false

  constructor(url: string, defect: Defect = 'none') {
    this.#url = url
    this.#defect = defect
  }

  async open(): Promise<void> {
    await this.#connect()
  }

  async close(): Promise<void> {
    this.#closed = true
    await (await this.#connection?.catch(() => undefined))?.close()
  }

  async send({ args }: RedisCommand): Promise<RedisReply> {
    try {
      const connection = await this.#connect()
      return (await connection.command(...args)) as RedisReply
    } catch (error) {
      throw await this.#failure(error as Error)
    }
  }

  sendAll(
    commands: readonly RedisCommand[]
  ): Promise<Array<RedisReply | Error>> {
    return Promise.all(
      commands.map((command) => this.send(command).catch((e: Error) => e))
    )
  }

  async subscribe(): Promise<never> {
    throw new RedisConnectionError('This client has no channels')
  }

  #connect(): Promise<RawConnection> {
    if (this.#closed) throw new RedisClosedError('It is closed')
    this.#connection ??= RawConnection.open(this.#url)
    return this.#connection
  }

  async #failure(error: Error): Promise<Error> {
    if (error instanceof RawReplyError) {
      const hidden = this.#defect === 'hides NOSCRIPT'
      if (hidden && error.message.startsWith('NOSCRIPT')) {
        return new RedisReplyError('ERR it failed', { cause: error })
      }
      return new RedisReplyError(error.message, { cause: error })
    }
    if (error instanceof RedisClosedError) return error
    this.#connection = undefined
    if (this.#defect === 'forgets calls') return new Promise(() => {})
    if (this.#defect === 'plain errors') return error
    return new RedisConnectionError(error.message, { cause: error })
  }
}
