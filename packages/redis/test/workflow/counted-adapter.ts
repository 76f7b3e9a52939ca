import type { RedisAdapter, RedisCommand, RedisReply } from '@pikku/redis-core'

/** Counts what goes over the wire, and can keep replies back. */
export class CountedAdapter implements RedisAdapter {
  readonly topology: RedisAdapter['topology']
  readonly client: unknown
  /** The commands of each round trip. */
  readonly trips: Array<readonly RedisCommand[]> = []
  /** What every reply waits for. */
  gate: Promise<unknown> = Promise.resolve()
  readonly #adapter: RedisAdapter

  constructor(adapter: RedisAdapter) {
    this.#adapter = adapter
    this.topology = adapter.topology
    this.client = adapter.client
  }

  open(): Promise<void> {
    return this.#adapter.open()
  }

  /** The connection is another service's. */
  async close(): Promise<void> {}

  async send(command: RedisCommand): Promise<RedisReply> {
    this.trips.push([command])
    const reply = await this.#adapter.send(command)
    await this.gate
    return reply
  }

  async sendAll(
    commands: readonly RedisCommand[]
  ): Promise<Array<RedisReply | Error>> {
    this.trips.push(commands)
    const replies = await this.#adapter.sendAll(commands)
    await this.gate
    return replies
  }

  subscribe(
    ...args: Parameters<RedisAdapter['subscribe']>
  ): ReturnType<RedisAdapter['subscribe']> {
    return this.#adapter.subscribe(...args)
  }
}
