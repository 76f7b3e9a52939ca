import * as overIoRedis from '@pikku/redis'
import * as overNodeRedis from '@pikku/redis/node-redis'

export const CLIENTS = ['ioredis', 'node-redis'] as const

type Client = (typeof CLIENTS)[number]

export interface StoreOptions {
  readonly client: Client
  readonly url: string
  readonly keyPrefix: string
}

/** For how long a user stays logged in, in ms. */
const SESSION_MS = 60_000

/**
 * Channels, topics and sessions on one connection. The import path is all that
 * differs between the two clients.
 *
 * @param lease For a server that keeps connections: see `leaseMs`.
 */
export async function openStores(
  { client, url, keyPrefix }: StoreOptions,
  lease: Pick<
    overIoRedis.RedisChannelStoreOptions,
    'leaseMs' | 'onChannelsLost'
  > = {}
) {
  const entry = client === 'ioredis' ? overIoRedis : overNodeRedis
  const channels = new entry.RedisChannelStore(url, { keyPrefix, ...lease })
  const { adapter } = channels
  const topics = new entry.RedisEventHubStore(adapter, { keyPrefix })
  const sessions = new entry.RedisSessionStore<UserSession>(adapter, {
    keyPrefix,
    ttlMs: SESSION_MS,
  })
  await channels.init()
  return {
    adapter,
    channels,
    topics,
    sessions,
    // It has the connection, and removes its channels first.
    close: () => channels.close(),
  }
}

export type Stores = Awaited<ReturnType<typeof openStores>>

export interface UserSession {
  readonly userId: string
  /** Which server the user logged in at. */
  readonly loggedInAt: string
}
