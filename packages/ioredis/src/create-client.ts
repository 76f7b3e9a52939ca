import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { RedisOptionsError, withoutSecrets } from '@pikku/redis-core'
import { type IoRedisClient, isClusterConfig } from './client.js'

interface ClientOptions {
  readonly keyPrefix?: string
  readonly stringNumbers?: boolean
  /** Of the nodes of a cluster. */
  readonly redisOptions?: { readonly stringNumbers?: boolean }
}

/** @throws RedisOptionsError for what is no connection. */
export function createClient(connection: unknown): IoRedisClient {
  return withoutSecrets(() => create(connection))
}

function create(connection: unknown): IoRedisClient {
  if (connection === undefined) {
    return new Redis({ lazyConnect: true }) as IoRedisClient
  }
  if (typeof connection === 'string' && connection !== '') {
    // ioredis would take any other scheme for the name of a host.
    if (/^(?!rediss?:)[a-z][a-z\d+.-]*:\/\//i.test(connection)) {
      throw new RedisOptionsError('connection is no redis: or rediss: URL')
    }
    return new Redis(connection, { lazyConnect: true }) as IoRedisClient
  }
  if (typeof connection !== 'object' || connection === null) {
    throw new RedisOptionsError(
      'connection must be an ioredis client, a connection string, ioredis ' +
        `options or an adapter, not ${describe(connection)}`
    )
  }
  if (isClusterConfig(connection)) {
    // A cluster reads them when it connects; one that is bad shows up here.
    for (const node of connection.nodes) {
      if (typeof node === 'string') create(node)
    }
    return new Cluster(connection.nodes, {
      ...connection.options,
      lazyConnect: true,
    }) as unknown as IoRedisClient
  }
  return new Redis({
    ...(connection as RedisOptions),
    lazyConnect: true,
  }) as IoRedisClient
}

/** @throws RedisOptionsError for options that the contract cannot be kept with. */
export function refuseClientOptions({ options }: IoRedisClient): void {
  const { keyPrefix, stringNumbers, redisOptions } = options as ClientOptions
  if (keyPrefix) {
    // Scripts, channels and tools would disagree about where the keys are.
    throw new RedisOptionsError(
      `The ioredis client adds the keyPrefix '${keyPrefix}' to every key: ` +
        "use a client without one, and this package's own keyPrefix option"
    )
  }
  if (stringNumbers || redisOptions?.stringNumbers) {
    throw new RedisOptionsError(
      'The ioredis client has stringNumbers, which makes the numbers that ' +
        'scripts answer strings: use a client without it'
    )
  }
}

function describe(value: unknown): string {
  if (value === '') return 'an empty string'
  return value === null ? 'null' : `a ${typeof value}`
}
