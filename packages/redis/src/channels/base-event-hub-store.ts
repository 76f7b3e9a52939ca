import { randomUUID } from 'node:crypto'
import type { EventHubStore } from '@pikku/core/channel'
import {
  ChannelKeys,
  channelScripts,
  type RedisAdapter,
} from '@pikku/redis-core'
import { RedisService } from '../common/redis-service.js'
import {
  resolveServiceOptions,
  type ServiceOptions,
} from '../common/service-options.js'

export interface RedisEventHubStoreOptions extends ServiceOptions {
  /**
   * The start of every key, the same as that of the channel store.
   * @default 'pikku'
   */
  keyPrefix?: string
}

/**
 * Which channels listen to which topics: `{prefix}:topic:{topic}` is the set of a
 * topic's channels, `{prefix}:subs:{channelId}` that of a channel's topics, as in
 * 0.12. `RedisChannelStore` of the same prefix takes a channel that it removes
 * out of both. One round trip for each call; on a cluster all of a prefix is in
 * one slot.
 *
 * Concurrency: each call changes both sets or neither, in one script. A channel
 * that was removed cannot subscribe (see `BaseRedisChannelStore`).
 *
 * Crash: each call is one command or script, so there is nothing in between.
 */
export abstract class BaseRedisEventHubStore
  extends RedisService
  implements EventHubStore
{
  readonly #keys: ChannelKeys

  protected constructor(
    adapter: RedisAdapter,
    given?: RedisEventHubStoreOptions | string
  ) {
    const options = resolveServiceOptions<RedisEventHubStoreOptions>(given, {})
    super(adapter, options)
    const { keyPrefix = 'pikku' } = options
    this.#keys = new ChannelKeys(keyPrefix, adapter.topology)
  }

  /**
   * In no order. Channels of a process that died are among them until its lease
   * (`leaseMs` of the channel store) and the next sweep of another are over.
   */
  async getChannelIdsForTopic(topic: string): Promise<string[]> {
    const key = this.#keys.topicKey(topic)
    return (await this.runner.send('SMEMBERS', key)) as string[]
  }

  /**
   * @returns Whether the channel listens to the topic now: false if it was
   *   removed a short while ago. One that was never added can subscribe.
   * @throws RedisArgumentError for names that are none.
   */
  async subscribe(topic: string, channelId: string): Promise<boolean> {
    const { code } = await this.runner.run(channelScripts.subscribeChannel, {
      keys: {
        topic: this.#keys.topicKey(topic),
        subs: this.#keys.subscriptionsKey(channelId),
        removed: this.#keys.removedChannelKey(channelId),
      },
      args: { topicName: topic, channelId },
    })
    return code === 'ok'
  }

  /**
   * @returns Whether the channel listened to the topic.
   * @throws RedisArgumentError for names that are none.
   */
  async unsubscribe(topic: string, channelId: string): Promise<boolean> {
    const { code } = await this.runner.run(channelScripts.unsubscribeChannel, {
      keys: {
        topic: this.#keys.topicKey(topic),
        subs: this.#keys.subscriptionsKey(channelId),
        answered: this.#keys.unsubscribedKey(randomUUID()),
      },
      args: { topicName: topic, channelId },
    })
    return code === 'ok'
  }
}
