import type { RedisSentinelOptions } from 'redis'
import {
  isRedisAdapter,
  keyOfAll,
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
  type NodeRedisCluster,
  type NodeRedisConnection,
  type NodeRedisSentinel,
} from './client.js'
import { createConnection, destroy, refuseKeyPrefix } from './create-client.js'
import { keySlot } from './key-slot.js'
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
  /** Whether open() has connected an owned client. */
  #opened = false
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
      : createConnection(connection)
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
    if (this.#closing) throw closedError()
    if (this.#opened && !this.#usable) {
      this.#opened = false
      this.#opening = undefined
    }
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
      if (!this.#usable) await this.open()
      return toReply(await this.#sendRaw(key, [...args]))
    } catch (error) {
      throw this.#failure(error)
    }
  }

  async sendAll(
    commands: readonly RedisCommand[]
  ): Promise<Array<RedisReply | Error>> {
    const { client } = this
    if (this.#pooled && isNodeRedisSentinel(client)) {
      return this.#sendAllLeased(client, commands)
    }
    const key = keyOfAll(commands)
    if (key !== null && isNodeRedisCluster(client)) {
      return this.#sendAllToOwner(client, key, commands)
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
      if (!this.#usable) await this.open()
      if (this.#closing) throw closedError()
      // One whose reconnectStrategy gave up does not connect by itself again.
      if (this.#duplicate?.isOpen === false) this.#subscriber = undefined
      this.#subscriber ??= this.#openSubscriber()
      const subscriber = await this.#subscriber
      await subscriber.subscribe(channel, own)
      if (this.#closing) await subscriber.unsubscribe(channel, own)
    } catch (error) {
      if (!this.#closing) throw this.#failure(error)
    }
    if (this.#closing) throw closedError()
    this.#subscriptions.set(own, channel)
    return async () => {
      if (!this.#subscriptions.delete(own) || this.#closing) return
      const subscriber = await this.#subscriber
      if (subscriber?.isOpen) await subscriber.unsubscribe(channel, own)
    }
  }

  /** Whether commands can be sent; an owned client may have given up since. */
  get #usable(): boolean {
    return !this.#owned || (this.#opened && this.client.isOpen)
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
      if (!this.#usable) await this.open()
      // A lease of one that is closed would be waited for without an end.
      if (!client.isOpen) throw new Error('the client is not connected')
      return await client.use(async (leased) =>
        this.#sendEach(commands, (args) =>
          leased.sendCommand(false, args, COMMAND_OPTIONS)
        )
      )
    } catch (error) {
      const failure = this.#failure(error)
      return commands.map(() => failure)
    }
  }

  /**
   * The node that has the key takes them all. A cluster itself sends WAIT to
   * each of its masters, whatever the key, and answers with the lowest count.
   */
  async #sendAllToOwner(
    cluster: NodeRedisCluster,
    key: string,
    commands: readonly RedisCommand[]
  ): Promise<Array<RedisReply | Error>> {
    try {
      if (!this.#usable) await this.open()
      const node = await cluster.nodeClient(cluster.getSlotMaster(keySlot(key)))
      const options = { ...ownOptions(cluster), ...COMMAND_OPTIONS }
      return await this.#sendEach(commands, (args) =>
        node.sendCommand(args, options)
      )
    } catch (error) {
      const failure = this.#failure(error)
      return commands.map(() => failure)
    }
  }

  #sendEach(
    commands: readonly RedisCommand[],
    send: (args: string[]) => Promise<unknown>
  ): Promise<Array<RedisReply | Error>> {
    return Promise.all(
      commands.map(({ args }) =>
        send([...args]).then(toReply, (error: unknown) => this.#failure(error))
      )
    )
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
    const connected = this.#connect()
    try {
      await Promise.race([connected, failure, this.#ended.promise])
      this.#opened = true
    } catch (cause) {
      // Otherwise node-redis would go on trying, and keep the process alive.
      if (this.#owned) await destroy(this.client)
      if (cause instanceof RedisClosedError) {
        // A cluster that was about to connect to its nodes does so all the same.
        if (this.#owned) connected.then(() => destroy(this.client), ignore)
        throw cause
      }
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
    this.#ended.reject(closedError())
    if (this.#duplicate) await destroy(this.#duplicate)
    else await this.#unsubscribeAll()
    this.#subscriptions.clear()
    await this.#opening?.catch(ignore)
    if (!this.#owned || !this.client.isOpen) return
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
    try {
      // It tries for as long as nobody is there, and says nothing when destroyed.
      await Promise.race([subscriber.connect(), this.#ended.promise])
      const again = [...this.#subscriptions].map(([own, channel]) =>
        subscriber.subscribe(channel, own)
      )
      await Promise.all(again)
      return subscriber
    } catch (error) {
      if (this.#duplicate === subscriber) this.#subscriber = undefined
      await destroy(subscriber)
      throw error
    }
  }
}

/** Of a cluster's commands: its nodes have none, and so the default timeout. */
function ownOptions(cluster: NodeRedisCluster): object | undefined {
  return (cluster as { _commandOptions?: object })._commandOptions
}

function closedError(): RedisClosedError {
  return new RedisClosedError('The connection to Redis was closed')
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
