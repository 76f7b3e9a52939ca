import type {
  RedisClientOptions,
  RedisClusterOptions,
  RedisFunctions,
  RedisModules,
  RedisScripts,
  RedisSentinelOptions,
} from 'redis'
import type { RedisAdapter } from '@pikku/redis-core'

/** Options of one command, of which these are used. */
export interface CommandOptions {
  typeMapping: Record<number, unknown>
}

type Listener = (message: string | Buffer) => void

/** What a client, a cluster and a sentinel of node-redis have in common. */
interface Common {
  readonly isOpen: boolean
  /** Whether it is connected: only a client of one server says so. */
  readonly isReady?: boolean
  connect(): Promise<unknown>
  /** Closes without waiting. */
  destroy(): unknown
  /** Waits for replies that are on their way, then closes. */
  close(): Promise<unknown> | unknown
  subscribe(channel: string, listener: Listener): Promise<unknown>
  unsubscribe(channel: string, listener?: Listener): Promise<unknown>
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
}

/**
 * What is used of a node-redis client. Clients are recognised by this, never
 * by their class: an application may have two copies or two majors of it.
 */
export interface NodeRedisClient extends Common, Sender {
  duplicate(): NodeRedisClient
}

interface Sender {
  sendCommand(args: string[], options?: CommandOptions): Promise<unknown>
}

export interface NodeRedisCluster extends Common {
  getSlotMaster(slot: number): NodeRedisClusterNode
  nodeClient(node: NodeRedisClusterNode): Sender | Promise<Sender>
  sendCommand(
    firstKey: string | undefined,
    isReadonly: boolean | undefined,
    args: string[],
    options?: CommandOptions
  ): Promise<unknown>
}

export interface NodeRedisSentinel extends Common {
  getSentinelNode(): unknown
  /** Runs the body with one connection to the master. */
  use<T>(body: (client: NodeRedisSentinelLease) => Promise<T>): Promise<T>
  sendCommand(
    isReadonly: boolean | undefined,
    args: string[],
    options?: CommandOptions
  ): Promise<unknown>
}

/** A node of a cluster as node-redis knows it: only passed on. */
type NodeRedisClusterNode = object

interface NodeRedisSentinelLease {
  sendCommand(
    isReadonly: boolean | undefined,
    args: string[],
    options?: CommandOptions
  ): Promise<unknown>
}

export type AnyNodeRedisClient =
  NodeRedisClient | NodeRedisCluster | NodeRedisSentinel

/**
 * Everything that can be used as a connection:
 *
 * - a client, cluster or sentinel that the application has, and connected: it
 *   is shared, and never closed here;
 * - a connection string or options (with `rootNodes` for a cluster, with
 *   `sentinelRootNodes` for a sentinel): the connection is made and owned here;
 * - any adapter;
 * - nothing: localhost:6379.
 */
export type NodeRedisConnection =
  | AnyNodeRedisClient
  | RedisClientOptions<RedisModules, RedisFunctions, RedisScripts, 2 | 3>
  | RedisClusterOptions<RedisModules, RedisFunctions, RedisScripts, 2 | 3>
  | RedisSentinelOptions<RedisModules, RedisFunctions, RedisScripts, 2 | 3>
  | RedisAdapter
  | string
  | undefined

export function isNodeRedisClient(value: unknown): value is AnyNodeRedisClient {
  if (typeof value !== 'object' || value === null) return false
  const candidate = value as Partial<Record<keyof NodeRedisClient, unknown>>
  return (
    typeof candidate.sendCommand === 'function' &&
    typeof candidate.connect === 'function' &&
    typeof candidate.isOpen === 'boolean'
  )
}

export function isNodeRedisCluster(
  client: AnyNodeRedisClient
): client is NodeRedisCluster {
  return 'getSlotMaster' in client
}

export function isNodeRedisSentinel(
  client: AnyNodeRedisClient
): client is NodeRedisSentinel {
  return 'getSentinelNode' in client
}

/** A client of ioredis, which is not for this adapter. */
export function isIoRedisClient(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const candidate = value as Record<string, unknown>
  return (
    typeof candidate['call'] === 'function' &&
    typeof candidate['pipeline'] === 'function'
  )
}
