import type { RedisAdapter } from '../adapter.js'
import { oneSlotPrefix, requiredName } from './key-parts.js'

/**
 * Channels and what they listen to. The first three are those of 0.12; on a
 * cluster all keys of a prefix are in one slot, so that a script can change a
 * channel and its topics together.
 */
export class ChannelKeys {
  readonly prefix: string
  /** Sorted set: who keeps channels, and until when by the server's clock. */
  readonly owners: string
  /** Sorted set, all of score 0: `{owner}:{channelId}`. */
  readonly ownedChannels: string

  /** @throws RedisOptionsError */
  constructor(prefix: string, topology: RedisAdapter['topology']) {
    this.prefix = oneSlotPrefix(prefix, topology)
    this.owners = `${this.prefix}:channel-owners`
    this.ownedChannels = `${this.prefix}:owned-channels`
  }

  /** Hash: the channel, and for its user, its state and its owner a field. */
  channelKey(channelId: string): string {
    return `${this.prefix}:channel:${channelName(channelId)}`
  }

  /** Set: the topics that the channel listens to. */
  subscriptionsKey(channelId: string): string {
    return `${this.prefix}:subs:${channelName(channelId)}`
  }

  /** Set: the channels that listen to the topic. */
  topicKey(topic: string): string {
    return `${this.prefix}:topic:${requiredName('A topic', topic)}`
  }

  /** String: it is there for a while after the channel was removed. */
  removedChannelKey(channelId: string): string {
    return `${this.prefix}:removed-channel:${channelName(channelId)}`
  }

  /** String: the answer of one call, until nobody can repeat that any more. */
  unsubscribedKey(call: string): string {
    return `${this.prefix}:unsubscribed:${call}`
  }

  /** An owner's channels in {@link ownedChannels}: its range by text. */
  ownedRange(owner: string): { from: string; to: string } {
    // ';' is what comes after ':'.
    return { from: `[${owner}:`, to: `(${owner};` }
  }

  /** The channel of a member of {@link ownedChannels}. */
  ownedChannelId(owner: string, member: string): string {
    return member.slice(owner.length + 1)
  }
}

function channelName(channelId: string): string {
  return requiredName('A channel id', channelId)
}
