import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis'
import type { RedisAdapter } from '@pikku/redis-core'

/**
 * What is used of an ioredis client. Clients are recognised by this, never by
 * their class: an application may have two copies or two majors of ioredis.
 */
export interface IoRedisClient {
  readonly status: string
  readonly isCluster?: boolean
  readonly options: object
  /** The connection, of a client that has one. */
  readonly stream?: { cork(): void; uncork(): void }
  call(command: string, args: string[]): Promise<unknown>
  pipeline(): IoRedisPipeline
  /** Takes options of its own; of a cluster, nodes and then options. */
  duplicate(override?: object, options?: object): IoRedisClient
  connect(): Promise<void>
  quit(): Promise<unknown>
  disconnect(): void
  subscribe(...channels: string[]): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end' | 'ready', listener: () => void): unknown
  on(
    event: 'message',
    listener: (channel: string, message: string) => void
  ): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
}

export interface IoRedisPipeline {
  call(command: string, args: string[]): unknown
  exec(): Promise<Array<[error: Error | null, result: unknown]> | null>
}

/** Several nodes of a cluster, from which ioredis finds the others. */
export interface IoRedisClusterConfig {
  nodes: ClusterNode[]
  options?: ClusterOptions
}

/**
 * Everything that can be used as a connection:
 *
 * - a client, or a client of a cluster, that the application has: it is
 *   shared, and never closed here;
 * - a connection string or ioredis options: the connection is made and owned
 *   here; `{ nodes, options }` makes one to a cluster;
 * - any adapter;
 * - nothing: localhost:6379.
 */
export type IoRedisConnection =
  | IoRedisClient
  | IoRedisClusterConfig
  | RedisOptions
  | RedisAdapter
  | string
  | undefined

export function isIoRedisClient(value: unknown): value is IoRedisClient {
  if (typeof value !== 'object' || value === null) return false
  const candidate = value as Partial<Record<keyof IoRedisClient, unknown>>
  return (
    typeof candidate.call === 'function' &&
    typeof candidate.pipeline === 'function' &&
    typeof candidate.duplicate === 'function' &&
    typeof candidate.status === 'string'
  )
}

/** A node-redis client, cluster or sentinel, which is not for this adapter. */
export function isNodeRedisClient(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const candidate = value as Record<string, unknown>
  return (
    typeof candidate['sendCommand'] === 'function' &&
    typeof candidate['call'] !== 'function'
  )
}

export function isClusterConfig(value: object): value is IoRedisClusterConfig {
  return Array.isArray((value as Partial<IoRedisClusterConfig>).nodes)
}
