import type { RedisAdapter } from '@pikku/redis'
import type { Reply } from './protocol.ts'

interface Envelope {
  readonly channelIds: string[]
  readonly reply: Reply
}

/**
 * Brings messages to channels, whichever server has their connection.
 *
 * The stores say who listens to a topic, not how to get there: that is up to the
 * application. Here a channel's id begins with its server's, and every server
 * listens to a pub/sub channel of its own. Pub/sub keeps nothing: what is sent to
 * a server that died a moment ago is lost, as its connections are.
 */
export class Transport {
  readonly #adapter: RedisAdapter
  readonly #keyPrefix: string
  readonly #serverId: string
  readonly #deliver: (channelId: string, reply: Reply) => void

  constructor(
    adapter: RedisAdapter,
    keyPrefix: string,
    serverId: string,
    deliver: (channelId: string, reply: Reply) => void
  ) {
    this.#adapter = adapter
    this.#keyPrefix = keyPrefix
    this.#serverId = serverId
    this.#deliver = deliver
  }

  newChannelId(): string {
    return `${this.#serverId}/${crypto.randomUUID()}`
  }

  async listen(): Promise<void> {
    await this.#adapter.subscribe(this.#route(this.#serverId), (message) => {
      const { channelIds, reply } = JSON.parse(message) as Envelope
      for (const id of channelIds) this.#deliver(id, reply)
    })
  }

  /** One PUBLISH for each server that has any of the channels. */
  async send(channelIds: readonly string[], reply: Reply): Promise<void> {
    const byServer = Map.groupBy(channelIds, serverOf)
    for (const id of byServer.get(this.#serverId) ?? []) {
      this.#deliver(id, reply)
    }
    byServer.delete(this.#serverId)
    await Promise.all(
      [...byServer].map(([server, ids]) => {
        const envelope: Envelope = { channelIds: ids, reply }
        const route = this.#route(server)
        return this.#adapter.send({
          key: null,
          args: ['PUBLISH', route, JSON.stringify(envelope)],
        })
      })
    )
  }

  #route(serverId: string): string {
    return `${this.#keyPrefix}:server:${serverId}`
  }
}

export function serverOf(channelId: string): string {
  return channelId.slice(0, channelId.indexOf('/'))
}
