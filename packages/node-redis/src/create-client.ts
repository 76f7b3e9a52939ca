import {
  createClient,
  createCluster,
  createSentinel,
  type RedisClientOptions,
  type RedisClusterOptions,
  type RedisSentinelOptions,
} from 'redis'
import { RedisOptionsError, withoutSecrets } from '@pikku/redis-core'
import type { AnyNodeRedisClient } from './client.js'

/** @throws RedisOptionsError for what is no connection. */
export function createConnection(connection: unknown): AnyNodeRedisClient {
  return withoutSecrets(() => create(connection))
}

function create(connection: unknown): AnyNodeRedisClient {
  if (connection === undefined) return createClient(withoutTimeout({}))
  if (typeof connection === 'string' && connection !== '') {
    if (!URL.canParse(connection)) {
      // The text is not repeated: it may hold a password.
      throw new RedisOptionsError(
        'connection is not a URL such as redis://localhost:6379'
      )
    }
    return createClient(withoutTimeout({ url: connection }))
  }
  if (typeof connection !== 'object' || connection === null) {
    throw new RedisOptionsError(
      'connection must be a node-redis client, a connection string, ' +
        'node-redis options or an adapter, not ' +
        (connection === '' ? 'an empty string' : `a ${typeof connection}`)
    )
  }
  const options = withoutTimeout(connection)
  if ('rootNodes' in options) {
    const cluster = options as RedisClusterOptions
    // A cluster reads them when it connects; one that is bad shows up here.
    for (const { url } of cluster.rootNodes) {
      if (url !== undefined) void destroy(createClient({ url }))
    }
    return createCluster(cluster) as unknown as AnyNodeRedisClient
  }
  if ('sentinelRootNodes' in options) {
    return createSentinel(
      options as RedisSentinelOptions
    ) as unknown as AnyNodeRedisClient
  }
  return createClient(options)
}

/**
 * node-redis 6 gives every command a timeout of 5 s, with a timer of its own:
 * it costs half of the throughput and only rejects what was not yet written.
 * A connection that we own goes without, unless its options say otherwise.
 */
function withoutTimeout(options: RedisClientOptions): RedisClientOptions {
  const commandOptions = { timeout: undefined, ...options.commandOptions }
  return { ...options, commandOptions }
}

/** Raw commands go without a prefix: keys and tools would disagree. */
export function refuseKeyPrefix(client: AnyNodeRedisClient): void {
  const { _keyPrefix: prefix } = client as { _keyPrefix?: unknown }
  if (typeof prefix !== 'string' || prefix === '') return
  throw new RedisOptionsError(
    `The node-redis client adds the keyPrefix '${prefix}' to every key: use ` +
      "a client without one, and this package's own keyPrefix option"
  )
}

/** Closes without waiting. */
export async function destroy(client: AnyNodeRedisClient): Promise<void> {
  try {
    await client.destroy()
  } catch {
    // It was not open.
  }
}
