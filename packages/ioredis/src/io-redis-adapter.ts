import { Cluster, Redis, type RedisOptions } from 'ioredis'
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
  type IoRedisClient,
  type IoRedisConnection,
  isClusterConfig,
  isIoRedisClient,
  isNodeRedisClient,
} from './client.js'
import { toError, toReply, withoutArguments } from './reply.js'

/** ioredis's own default, in ms. */
const CONNECT_TIMEOUT_MS = 10_000
/** ioredis gives a server 2 s to say goodbye, in ms. */
const DISCONNECT_TIMEOUT_MS = 3_000

/** `RedisAdapter` over ioredis 5 and 6, a single server or a cluster. */
export class IoRedisAdapter implements RedisAdapter {
  readonly client: IoRedisClient
  readonly topology: 'single' | 'cluster'
  readonly #owned: boolean
  #corked = false
  #opening: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #subscriber: Promise<IoRedisClient> | undefined
  readonly #listeners = new Map<string, Set<(message: string) => void>>()

  /**
   * @throws RedisOptionsError for a client with a `keyPrefix` of its own, a
   *   client of node-redis, or anything that is not a connection.
   */
  constructor(connection?: Exclude<IoRedisConnection, RedisAdapter>) {
    if (isNodeRedisClient(connection)) {
      throw new RedisOptionsError(
        'This is a client of node-redis: import from ' +
          "'@pikku/redis/node-redis', or use NodeRedisAdapter"
      )
    }
    this.#owned = !isIoRedisClient(connection)
    this.client = isIoRedisClient(connection) ? connection : create(connection)
    this.topology = this.client.isCluster === true ? 'cluster' : 'single'
    refuseKeyPrefix(this.client)
    // Without a listener ioredis prints to the console; calls report failures.
    if (this.#owned) this.client.on('error', ignore)
  }

  /** The adapter for any connection; an adapter is returned as it is. */
  static from(connection?: IoRedisConnection): RedisAdapter {
    if (isRedisAdapter(connection)) return connection
    return new IoRedisAdapter(connection)
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

  async send({ args: [name, ...args] }: RedisCommand): Promise<RedisReply> {
    const closed = this.#closedError()
    if (closed) throw closed
    this.#together()
    try {
      return toReply(await this.client.call(name, args))
    } catch (error) {
      throw this.#failure(error)
    }
  }

  async sendAll(
    commands: readonly RedisCommand[]
  ): Promise<Array<RedisReply | Error>> {
    // A pipeline of a cluster wants one slot; call by call finds each its own.
    if (this.topology === 'cluster' && !ofOneKey(commands)) {
      return Promise.all(
        commands.map((command) => this.send(command).catch(asError))
      )
    }
    if (commands.length === 0) return []
    const closed = this.#closedError()
    if (closed) return commands.map(() => closed)
    const pipeline = this.client.pipeline()
    for (const {
      args: [name, ...args],
    } of commands) {
      pipeline.call(name, args)
    }
    try {
      const replies = (await pipeline.exec()) ?? []
      return replies.map(([error, reply]) =>
        error ? this.#failure(error) : toReply(reply)
      )
    } catch (error) {
      const failure = this.#failure(error)
      return commands.map(() => failure)
    }
  }

  async subscribe(
    channel: string,
    listener: (message: string) => void
  ): Promise<Unsubscribe> {
    const listeners = this.#listeners.get(channel) ?? new Set()
    const own = (message: string) => listener(message)
    listeners.add(own)
    this.#listeners.set(channel, listeners)
    try {
      // A connection that is subscribed can send nothing else: it needs its own.
      this.#subscriber ??= this.#openSubscriber()
      await (await this.#subscriber).subscribe(channel)
    } catch (error) {
      listeners.delete(own)
      throw toError(error)
    }
    return async () => {
      if (!listeners.delete(own) || listeners.size > 0) return
      this.#listeners.delete(channel)
      if (this.#closing === undefined) {
        await (await this.#subscriber)?.unsubscribe(channel)
      }
    }
  }

  /**
   * Lets the commands of one turn of the event loop leave in one write: ioredis
   * makes one for each, and with many runs at once that is a quarter of its
   * time. A client of a cluster has no one stream.
   */
  #together(): void {
    const { stream } = this.client
    if (this.#corked || stream === undefined) return
    this.#corked = true
    stream.cork()
    process.nextTick(() => {
      this.#corked = false
      stream.uncork()
    })
  }

  async #open(): Promise<void> {
    let reason: Error | undefined
    const remember = (error: Error) => {
      reason = error
    }
    this.client.on('error', remember)
    try {
      // ioredis limits how long the socket may take, not the server's answer.
      const ready = this.#owned
        ? connectOnce(this.client)
        : this.client.call('PING', [])
      await within(connectTimeoutMs(this.client), ready)
    } catch (error) {
      // On a client that has ended it would hide the errors of the next try.
      if (this.#owned) await disconnected(this.client)
      const cause = withoutArguments(reason ?? error)
      throw new RedisConnectionError(
        `Cannot connect to Redis at ${address(this.client)}: ` +
          reasonOf(cause),
        { cause }
      )
    } finally {
      this.client.off('error', remember)
    }
  }

  async #close(): Promise<void> {
    this.#listeners.clear()
    const subscriber = await this.#subscriber?.catch(ignore)
    subscriber?.disconnect()
    if (!this.#owned) return
    // QUIT lets replies that are on their way arrive; it needs a connection.
    if (this.client.status === 'ready') {
      const goodbye = this.client.quit()
      await within(DISCONNECT_TIMEOUT_MS, goodbye).catch(ignore)
    }
    this.client.disconnect()
  }

  /** A client of a cluster that was closed may keep a command for ever. */
  #closedError(): RedisClosedError | undefined {
    if (!this.#owned || this.#closing === undefined) return undefined
    return new RedisClosedError('The connection to Redis was closed')
  }

  /** A client that has ended does not connect by itself again. */
  #failure(error: unknown): Error {
    const failure = toError(error)
    if (this.client.status !== 'end' || failure instanceof RedisReplyError) {
      return failure
    }
    return new RedisClosedError(
      `The connection is closed: ${failure.message}`,
      {
        cause: error,
      }
    )
  }

  async #openSubscriber(): Promise<IoRedisClient> {
    const subscriber = this.client.duplicate()
    subscriber.on('error', ignore)
    subscriber.on('message', (channel: string, message: string) => {
      for (const listener of this.#listeners.get(channel) ?? []) {
        listener(message)
      }
    })
    return subscriber
  }
}

function create(connection: unknown): IoRedisClient {
  if (connection === undefined) {
    return new Redis({ lazyConnect: true }) as IoRedisClient
  }
  if (typeof connection === 'string' && connection !== '') {
    return new Redis(connection, { lazyConnect: true }) as IoRedisClient
  }
  if (typeof connection !== 'object' || connection === null) {
    throw new RedisOptionsError(
      'connection must be an ioredis client, a connection string, ioredis ' +
        `options or an adapter, not ${describe(connection)}`
    )
  }
  if (isClusterConfig(connection)) {
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

/**
 * One attempt, which fails with its reason: ioredis would go on trying, keep
 * the process alive, and be in no state to be connected again.
 */
async function connectOnce(client: IoRedisClient): Promise<void> {
  if (client.status === 'ready') return
  const options = client.options as Record<string, unknown>
  const strategy = client.isCluster ? 'clusterRetryStrategy' : 'retryStrategy'
  const original = options[strategy]
  options[strategy] = () => null
  try {
    await client.connect()
  } finally {
    options[strategy] = original
  }
}

/** Until it has ended the client takes no further connect(). */
async function disconnected(client: IoRedisClient): Promise<void> {
  if (client.status === 'end') return
  const ended = new Promise<void>((resolve) => {
    client.on('end', resolve)
  })
  client.disconnect()
  await within(DISCONNECT_TIMEOUT_MS, ended).catch(ignore)
}

/** Scripts, channels and tools would disagree about where the keys are. */
function refuseKeyPrefix(client: IoRedisClient): void {
  const { keyPrefix } = client.options as { keyPrefix?: string }
  if (!keyPrefix) return
  throw new RedisOptionsError(
    `The ioredis client adds the keyPrefix '${keyPrefix}' to every key: use ` +
      "a client without one, and this package's own keyPrefix option"
  )
}

function connectTimeoutMs(client: IoRedisClient): number {
  const { connectTimeout } = client.options as { connectTimeout?: number }
  return connectTimeout ?? CONNECT_TIMEOUT_MS
}

function address(client: IoRedisClient): string {
  const { host, port, path } = client.options as RedisOptions
  if (path) return path
  return host ? `${host}:${port}` : 'the nodes that were given'
}

function describe(value: unknown): string {
  if (value === '') return 'an empty string'
  return value === null ? 'null' : `a ${typeof value}`
}

function ofOneKey([first, ...others]: readonly RedisCommand[]): boolean {
  return (
    first !== undefined &&
    first.key !== null &&
    others.every(({ key }) => key === first.key)
  )
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

function ignore(): undefined {}

/** A cluster says only that it has no slots; why is with the last node. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const { lastNodeError } = cause as { lastNodeError?: unknown }
  const why = lastNodeError instanceof Error ? ` ${lastNodeError.message}` : ''
  return `${cause.message}${why}`
}
