import * as ioRedisEntry from '@pikku/redis'
import type { RedisWorkflowServiceOptions } from '@pikku/redis'
import { KeySchema } from '@pikku/redis-core'
import * as nodeRedisEntry from '@pikku/redis/node-redis'
import {
  RawCluster,
  RawConnection,
  type RawRedis,
  uniquePrefix,
} from '@pikku/redis-testing'
import { inject } from 'vitest'

type Constructor = abstract new (...args: never[]) => unknown

/**
 * An entry's classes, with constructors that take what a test gives them: bad
 * arguments, too, and either client's connection.
 */
type Entry = {
  [
    Name in keyof typeof ioRedisEntry as (typeof ioRedisEntry)[Name] extends Constructor
      ? Name
      : never
  ]: (typeof ioRedisEntry)[Name] extends Constructor
    ? new (...args: unknown[]) => InstanceType<(typeof ioRedisEntry)[Name]>
    : never
}

export type Service = ioRedisEntry.RedisWorkflowService
export type RunService = ioRedisEntry.RedisWorkflowRunService

/** Every suite runs on both clients: `describe.each(CLIENTS)`. */
export const CLIENTS = [
  clientOf('ioredis', ioRedisEntry),
  clientOf('node-redis', nodeRedisEntry),
]

function clientOf(
  client: 'ioredis' | 'node-redis',
  module: typeof ioRedisEntry | typeof nodeRedisEntry
) {
  const entry = module as unknown as Entry
  return {
    client,
    entry,
    create: module.createRedisServices as <
      const Options extends ioRedisEntry.RedisServicesOptions,
    >(
      connection: unknown,
      options?: Options
    ) => ioRedisEntry.RedisServices<Options>,
    Service: entry.RedisWorkflowService,
    RunService: entry.RedisWorkflowRunService,
  }
}

export type Client = (typeof CLIENTS)[number]

/** What a cluster has when an application does not say. */
const PARTITIONS = 16

/** The server or the cluster of this run, as each client wants to be told. */
export function connectionOf(client: Client): unknown {
  const nodes = inject('redisCluster')
  return nodes.length === 0 ? inject('redisUrl') : connectionTo(client, nodes)
}

/** A cluster, as each client wants to be told of it. */
export function connectionTo(
  { client }: Client,
  nodes: readonly string[]
): unknown {
  if (client === 'ioredis') return { nodes }
  return { rootNodes: nodes.map((url) => ({ url })) }
}

/** Looks at the server or the cluster of this run without either client. */
export function openRaw(): Promise<RawRedis> {
  const nodes = inject('redisCluster')
  return nodes.length === 0
    ? RawConnection.open(inject('redisAdminUrl'))
    : RawCluster.open(nodes)
}

/** Where the keys of a prefix are on the server or the cluster of this run. */
export function keysOf(prefix: string): KeySchema {
  const isCluster = inject('redisCluster').length > 0
  return new KeySchema({
    prefix,
    partitions: isCluster ? PARTITIONS : undefined,
  })
}

/** A prefix that no other test uses, under the one of the restricted user. */
export function testPrefix(label?: string): string {
  return `workflows:${uniquePrefix(label)}`
}

/** Suites run with pipelining, which is the default, and some without it, too. */
export const PIPELINING = process.env['PIPELINING'] !== 'false'

/** A service of its own prefix, on the Redis of this run or another one. */
export async function openService(
  client: Client,
  options: RedisWorkflowServiceOptions = {},
  connection: unknown = connectionOf(client)
): Promise<Service> {
  const service = new client.Service(connection, {
    keyPrefix: testPrefix(),
    wireQueues: false,
    pipelining: PIPELINING,
    ...options,
  })
  await service.init()
  return service
}

/** A service that finds the runs of the prefix, on the Redis of this run. */
export async function openRunService(
  client: Client,
  keyPrefix: string
): Promise<RunService> {
  const service = new client.RunService(connectionOf(client), { keyPrefix })
  await service.init()
  return service
}
