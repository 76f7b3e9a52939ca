import type { RedisOptions } from 'ioredis'
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
  type IoRedisClient,
  type IoRedisConnection,
  isIoRedisClient,
  isNodeRedisClient,
} from './client.js'
import { createClient, refuseClientOptions } from './create-client.js'
import { toError, toReply, withoutArguments } from './reply.js'

/** ioredis's own default, in ms. */
const CONNECT_TIMEOUT_MS = 10_000
/** ioredis gives a server 2 s to say goodbye, in ms. */
const DISCONNECT_TIMEOUT_MS = 3_000

type Listener = (message: string) => void

/** `RedisAdapter` over ioredis 5 and 6, a single server or a cluster. */
export class IoRedisAdapter implements RedisAdapter {
  readonly client: IoRedisClient
  readonly topology: 'single' | 'cluster'
  readonly #owned: boolean
  #corked = false
  /** Whether commands can be sent; a shared client is its owner's to connect. */
  #opened: boolean
  #opening: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #subscriber: IoRedisClient | undefined
  readonly #ended = Promise.withResolvers<never>()
  readonly #listeners = new Map<string, Set<Listener>>()

  /**
   * @throws RedisOptionsError for a client with a `keyPrefix` of its own or
   *   with `stringNumbers`, a client of node-redis, or anything that is not a
   *   connection.
   */
  constructor(connection?: Exclude<IoRedisConnection, RedisAdapter>) {
    if (isNodeRedisClient(connection)) {
      throw new RedisOptionsError(
        'This is a client of node-redis: import from ' +
          "'@pikku/redis/node-redis', or use NodeRedisAdapter"
      )
    }
    this.#owned = !isIoRedisClient(connection)
    this.#opened = !this.#owned
    this.client = isIoRedisClient(connection)
      ? connection
      : createClient(connection)
    this.topology = this.client.isCluster === true ? 'cluster' : 'single'
    refuseClientOptions(this.client)
    // Without a listener ioredis prints to the console; calls report failures.
    if (this.#owned) this.client.on('error', ignore)
  }

  /** The adapter for any connection; an adapter is returned as it is. */
  static from(connection?: IoRedisConnection): RedisAdapter {
    if (isRedisAdapter(connection)) return connection
    return new IoRedisAdapter(connection)
  }

  async open(): Promise<void> {
    if (this.#closing) throw closedError()
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
    try {
      if (!this.#opened) await this.open()
      this.#together()
      return toReply(await this.client.call(name, args))
    } catch (error) {
      throw this.#failure(error)
    }
  }

  async sendAll(
    commands: readonly RedisCommand[]
  ): Promise<Array<RedisReply | Error>> {
    // A pipeline of a cluster wants one slot; call by call finds each its own.
    if (this.topology === 'cluster' && keyOfAll(commands) === null) {
      return Promise.all(
        commands.map((command) => this.send(command).catch(asError))
      )
    }
    if (commands.length === 0) return []
    try {
      if (!this.#opened) await this.open()
      const pipeline = this.client.pipeline()
      for (const {
        args: [name, ...args],
      } of commands) {
        pipeline.call(name, args)
      }
      const replies = (await pipeline.exec()) ?? []
      return replies.map(([error, reply]) =>
        error ? this.#failure(error) : toReply(reply)
      )
    } catch (error) {
      const failure = this.#failure(error)
      return commands.map(() => failure)
    }
  }

  async subscribe(channel: string, listener: Listener): Promise<Unsubscribe> {
    const own = (message: string) => listener(message)
    try {
      if (!this.#opened) await this.open()
      if (this.#closing) throw closedError()
      await this.#listen(channel, own)
    } catch (error) {
      this.#forget(channel, own)
      throw this.#closing ? closedError() : toError(error)
    }
    return async () => {
      if (!this.#forget(channel, own) || this.#closing) return
      await this.#liveSubscriber?.unsubscribe(channel)
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
      await within(
        connectTimeoutMs(this.client),
        Promise.race([ready, this.#ended.promise])
      )
      if (this.#closing) throw closedError()
      this.#opened = true
    } catch (error) {
      if (this.#closing) throw closedError()
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
    this.#ended.promise.catch(ignore)
    this.#ended.reject(closedError())
    this.#listeners.clear()
    this.#subscriber?.disconnect()
    if (!this.#owned) return
    this.#opened = false
    // QUIT lets replies that are on their way arrive; it needs a connection.
    if (this.client.status === 'ready') {
      const goodbye = this.client.quit()
      await within(DISCONNECT_TIMEOUT_MS, goodbye).catch(ignore)
    }
    this.client.disconnect()
    // A cluster may still hear that it is ready, and would go on from there.
    this.client.on('ready', () => this.client.disconnect())
  }

  /** A client that has ended does not connect by itself again. */
  #failure(error: unknown): Error {
    if (error instanceof RedisConnectionError) return error
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

  async #listen(channel: string, own: Listener): Promise<void> {
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(own))
    const known = this.#liveSubscriber
    // A connection that is subscribed can send nothing else: it needs its own.
    const subscriber = known ?? this.#newSubscriber()
    this.#subscriber = subscriber
    const channels = known ? [channel] : this.#listeners.keys()
    const subscribed = subscriber.subscribe(...channels)
    // A cluster that is closed while it connects answers nobody.
    await (subscriber.status === 'ready'
      ? subscribed
      : Promise.race([subscribed, this.#ended.promise]))
  }

  /** One that has ended does not connect by itself again. */
  get #liveSubscriber(): IoRedisClient | undefined {
    return this.#subscriber?.status === 'end' ? undefined : this.#subscriber
  }

  /** Whether it was the last one of the channel that is listened to. */
  #forget(channel: string, own: Listener): boolean {
    const listeners = this.#listeners.get(channel)
    if (!listeners?.delete(own) || listeners.size > 0) return false
    return this.#listeners.delete(channel)
  }

  #newSubscriber(): IoRedisClient {
    const subscriber = duplicate(this.client)
    subscriber.on('error', ignore)
    subscriber.on('message', (channel: string, message: string) => {
      for (const listener of this.#listeners.get(channel) ?? []) {
        listener(message)
      }
    })
    return subscriber
  }
}

function closedError(): RedisClosedError {
  return new RedisClosedError('The connection to Redis was closed')
}

/** It has to queue what it is to subscribe to until it is connected. */
function duplicate(client: IoRedisClient): IoRedisClient {
  const options = { enableOfflineQueue: true }
  return client.isCluster
    ? client.duplicate([], options)
    : client.duplicate(options)
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

function connectTimeoutMs(client: IoRedisClient): number {
  const { connectTimeout } = client.options as { connectTimeout?: number }
  return connectTimeout ?? CONNECT_TIMEOUT_MS
}

function address(client: IoRedisClient): string {
  const { host, port, path } = client.options as RedisOptions
  if (path) return path
  return host ? `${host}:${port}` : 'the nodes that were given'
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
