import type {
  RedisChannelStore,
  RedisChannelStoreOptions,
  RedisEventHubStore,
} from '@pikku/redis'
import { ChannelKeys } from '@pikku/redis-core'
import type { RawRedis } from '@pikku/redis-testing'
import { inject } from 'vitest'
import { type Client, connectionOf } from '../clients.js'

export const HOSTILE = [
  'a:b',
  '*',
  '[x]',
  '{tag}',
  'with space',
  '🦆',
  '__proto__',
  'x'.repeat(4_096),
]

/** Where the keys of a prefix are on the server or the cluster of this run. */
export function channelKeysOf(prefix: string): ChannelKeys {
  const isCluster = inject('redisCluster').length > 0
  return new ChannelKeys(prefix, isCluster ? 'cluster' : 'single')
}

export async function openChannels(
  client: Client,
  keyPrefix: string,
  options: RedisChannelStoreOptions = {},
  connection: unknown = connectionOf(client)
): Promise<RedisChannelStore> {
  const store = new client.entry.RedisChannelStore(connection, {
    keyPrefix,
    ...options,
  })
  await store.init()
  return store
}

export async function openHub(
  client: Client,
  keyPrefix: string,
  connection: unknown = connectionOf(client)
): Promise<RedisEventHubStore> {
  const hub = new client.entry.RedisEventHubStore(connection, keyPrefix)
  await hub.init()
  return hub
}

/** What is left of a channel, but that it was removed. */
export async function remainsOf(
  raw: RawRedis,
  keys: ChannelKeys,
  channelId: string,
  topics: readonly string[] = []
): Promise<string[]> {
  const left: string[] = []
  for (const key of [
    keys.channelKey(channelId),
    keys.subscriptionsKey(channelId),
  ]) {
    if ((await raw.command('EXISTS', key)) !== 0) left.push(key)
  }
  for (const topic of topics) {
    const key = keys.topicKey(topic)
    if ((await raw.command('SISMEMBER', key, channelId)) !== 0) left.push(key)
  }
  const owned = await raw.command('ZRANGE', keys.ownedChannels, '0', '-1')
  for (const member of owned as string[]) {
    if (member.endsWith(`:${channelId}`)) left.push(member)
  }
  return left
}
