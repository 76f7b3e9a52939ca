import {
  createClient,
  createCluster,
  createSentinel,
  type RedisClientOptions,
  type RedisClusterOptions,
  type RedisSentinelOptions,
} from 'redis'
import {
  isRedisAdapter,
  type RedisAdapter,
  RedisClosedError,
  type RedisCommand,
  RedisConnectionError,
  RedisOptionsError,
  type RedisReply,
  RedisReplyError,
  type Unsubscribe,
  within,
} from '@pikku/redis-core'
import {
  type AnyNodeRedisClient,
  isIoRedisClient,
  isNodeRedisClient,
  isNodeRedisCluster,
  isNodeRedisSentinel,
  type NodeRedisConnection,
  type NodeRedisSentinel,
} from './client.js'
import { toError, toReply, TYPE_MAPPING } from './reply.js'

/** node-redis's own default, in ms. */
const CONNECT_TIMEOUT_MS = 5_000
/** How long replies on their way may take when the client is closed, in ms. */
const DISCONNECT_TIMEOUT_MS = 3_000

const COMMAND_OPTIONS = { typeMapping: TYPE_MAPPING }

/** `RedisAdapter` over node-redis 5 and 6: a client, a cluster or a sentinel. */
export class NodeRedisAdapter implements RedisAdapter {
  readonly client: AnyNodeRedisClient
  readonly topology: 'single' | 'cluster'
  readonly #owned: boolean
  /** A sentinel that may have several connections to the master. */
  readonly #pooled: boolean
  #opening: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #subscriber: Promise<AnyNodeRedisClient> | undefined
  /** The connection of its own that the subscriber is, if it is one. */
  #duplicate: AnyNodeRedisClient | undefined
  readonly #ended = Promise.withResolvers<never>()
  readonly #subscriptions = new Map<
    (message: string | Buffer) => void,
    string
  >()

  /**
   * @throws RedisOptionsError for a client with a `keyPrefix` of its own, a
   *   client of ioredis, or anything that is not a connection.
   */
  constructor(connection?: Exclude<NodeRedisConnection, RedisAdapter>) {
    if (isIoRedisClient(connection)) {
      throw new RedisOptionsError(
        "This is a client of ioredis: import from '@pikku/redis', or use " +
          'IoRedisAdapter'
      )
    }
    this.#owned = !isNodeRedisClient(connection)
    this.client = isNodeRedisClient(connection)
      ? connection
      : create(connection)
    this.#pooled = isNodeRedisSentinel(this.client) && !hasOneMaster(connection)
    this.topology = isNodeRedisCluster(this.client) ? 'cluster' : 'single'
    refuseKeyPrefix(this.client)
    // Without a listener an 'error' event ends the process; calls report them.
    if (this.#owned) this.client.on('error', ignore)
  }

  /** The adapter for any connection; an adapter is returned as it is. */
  static from(connection?: NodeRedisConnection): RedisAdapter {
    if (isRedisAdapter(connection)) return connection
    return new NodeRedisAdapter(connection)
  }

  async open(): Promise<void> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async send({ key, args }: RedisCommand): Promise<RedisReply> {
    try {
      // An owned client connects at the first call if nobody called open().
      if (this.#owned && !this.client.isOpen) await this.#reopen()
      return toReply(await this.#sendRaw(key, [...args]))
    } catch (error) {
      throw this.#failure(error)
    }
  }

  async sendAll(
    commands: readonly RedisCommand[]
  ): Promise<Array<RedisReply | Error>> {
    const { client } = this
    if (this.#pooled && isNodeRedisSentinel(client) && client.isOpen) {
      return this.#sendAllLeased(client, commands)
    }
    // node-redis writes the commands of one tick in one go, in their order.
    return Promise.all(
      commands.map((command) => this.send(command).catch(asError))
    )
  }

  async subscribe(
    channel: string,
    listener: (message: string) => void
  ): Promise<Unsubscribe> {
    const own = (message: string | Buffer) => listener(String(message))
    try {
      this.#subscriber ??= this.#openSubscriber()
      await (await this.#subscriber).subscribe(channel, own)
    } catch (error) {
      throw toError(error)
    }
    this.#subscriptions.set(own, channel)
    return async () => {
      if (!this.#subscriptions.delete(own) || this.#closing) return
      await (await this.#subscriber)?.unsubscribe(channel, own)
    }
  }

  #sendRaw(key: string | null, args: string[]): Promise<unknown> {
    const { client } = this
    if (isNodeRedisCluster(client)) {
      return client.sendCommand(key ?? undefined, false, args, COMMAND_OPTIONS)
    }
    if (isNodeRedisSentinel(client)) {
      return client.sendCommand(false, args, COMMAND_OPTIONS)
    }
    return client.sendCommand(args, COMMAND_OPTIONS)
  }

  /**
   * One connection of the pool takes them all. Only where it has to: a lease
   * makes a class with every command of node-redis, which takes some 30 ms.
   */
  async #sendAllLeased(
    client: NodeRedisSentinel,
    commands: readonly RedisCommand[]
  ): Promise<Array<RedisReply | Error>> {
    try {
      return await client.use(async (leased) =>
        Promise.all(
          commands.map(({ args }) =>
            leased
              .sendCommand(false, [...args], COMMAND_OPTIONS)
              .then(toReply, (error: unknown) => this.#failure(error))
          )
        )
      )
    } catch (error) {
      const failure = this.#failure(error)
      return commands.map(() => failure)
    }
  }

  async #reopen(): Promise<void> {
    if (this.#closing) {
      throw new RedisClosedError('The connection to Redis was closed')
    }
    await this.open()
  }

  /** A shared client that is closed is its owner's to connect again. */
  #failure(error: unknown): Error {
    if (error instanceof RedisConnectionError) return error
    const failure = toError(error)
    if (
      failure instanceof RedisReplyError ||
      this.#owned ||
      this.client.isOpen
    ) {
      return failure
    }
    return new RedisClosedError(
      `The connection is closed: ${failure.message}`,
      {
        cause: error,
      }
    )
  }

  async #open(): Promise<void> {
    let fail: (error: Error) => void = ignore
    const failure = new Promise<never>((_, reject) => {
      fail = reject
    })
    failure.catch(ignore)
    this.client.on('error', fail)
    const timer = setTimeout(
      () =>
        fail(new Error(`no answer within ${connectTimeoutMs(this.client)} ms`)),
      connectTimeoutMs(this.client)
    )
    try {
      await Promise.race([this.#connect(), failure])
    } catch (cause) {
      // Otherwise node-redis would go on trying, and keep the process alive.
      if (this.#owned) await destroy(this.client)
      throw new RedisConnectionError(
        `Cannot connect to Redis at ${address(this.client)}: ` +
          (cause instanceof Error ? cause.message : String(cause)),
        { cause }
      )
    } finally {
      clearTimeout(timer)
      this.client.off('error', fail)
    }
  }

  async #connect(): Promise<void> {
    if (this.#owned) {
      if (this.client.isOpen) return
      const connected = this.client.connect()
      connected.catch(ignore)
      await connected
      return
    }
    if (!this.client.isOpen) {
      throw new Error('the client is not connected: await client.connect()')
    }
    await this.#sendRaw(null, ['PING'])
  }

  async #close(): Promise<void> {
    this.#ended.promise.catch(ignore)
    this.#ended.reject(
      new RedisClosedError('The connection to Redis was closed')
    )
    if (this.#duplicate) await destroy(this.#duplicate)
    else await this.#unsubscribeAll()
    this.#subscriptions.clear()
    if (!this.#owned || !this.client.isOpen) return
    await this.#opening?.catch(ignore)
    // It waits for replies, and while nobody is there for what it has not sent.
    if (this.client.isReady === false) return destroy(this.client)
    const goodbye = Promise.resolve(this.client.close())
    await within(DISCONNECT_TIMEOUT_MS, goodbye).catch(() =>
      destroy(this.client)
    )
  }

  async #unsubscribeAll(): Promise<void> {
    const { client } = this
    const ends = [...this.#subscriptions].map(([own, channel]) =>
      client.unsubscribe(channel, own)
    )
    await within(DISCONNECT_TIMEOUT_MS, Promise.allSettled(ends)).catch(ignore)
  }

  /** Clusters and sentinels keep subscriptions on connections of their own. */
  async #openSubscriber(): Promise<AnyNodeRedisClient> {
    if (isNodeRedisCluster(this.client) || isNodeRedisSentinel(this.client)) {
      return this.client
    }
    const subscriber = this.client.duplicate()
    this.#duplicate = subscriber
    subscriber.on('error', ignore)
    // It tries for as long as nobody is there, and says nothing when destroyed.
    await Promise.race([subscriber.connect(), this.#ended.promise])
    return subscriber
  }
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
    return createCluster(
      options as RedisClusterOptions
    ) as unknown as AnyNodeRedisClient
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
function refuseKeyPrefix(client: AnyNodeRedisClient): void {
  const { _keyPrefix: prefix } = client as { _keyPrefix?: unknown }
  if (typeof prefix !== 'string' || prefix === '') return
  throw new RedisOptionsError(
    `The node-redis client adds the keyPrefix '${prefix}' to every key: use ` +
      "a client without one, and this package's own keyPrefix option"
  )
}

function socketOptions(client: AnyNodeRedisClient): {
  host?: string
  port?: number
  path?: string
  connectTimeout?: number
} {
  const { options } = client as { options?: { socket?: object } }
  return options?.socket ?? {}
}

function connectTimeoutMs(client: AnyNodeRedisClient): number {
  return socketOptions(client).connectTimeout ?? CONNECT_TIMEOUT_MS
}

function address(client: AnyNodeRedisClient): string {
  if (isNodeRedisCluster(client) || isNodeRedisSentinel(client)) {
    return 'the nodes that were given'
  }
  const { host = 'localhost', port = 6379, path } = socketOptions(client)
  return path ?? `${host}:${port}`
}

async function destroy(client: AnyNodeRedisClient): Promise<void> {
  try {
    await client.destroy()
  } catch {
    // It was not open.
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

function ignore(): undefined {}

/** Whether these are options of a sentinel with one connection to the master. */
function hasOneMaster(connection: unknown): boolean {
  if (isNodeRedisClient(connection)) return false
  const { masterPoolSize = 1 } = (connection ?? {}) as RedisSentinelOptions
  return masterPoolSize === 1
}
