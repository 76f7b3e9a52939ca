import { RedisWorkflowService as OverIoRedis } from '@pikku/redis'
import type { RedisWorkflowServiceOptions } from '@pikku/redis'
import { RedisWorkflowService as OverNodeRedis } from '@pikku/redis/node-redis'
import { uniquePrefix } from '@pikku/redis-testing'
import { inject } from 'vitest'

export type Service = OverIoRedis | OverNodeRedis

/** Every suite runs on both clients: `describe.each(CLIENTS)`. */
export const CLIENTS = [
  {
    client: 'ioredis',
    Service: OverIoRedis as new (...args: unknown[]) => Service,
  },
  {
    client: 'node-redis',
    Service: OverNodeRedis as new (...args: unknown[]) => Service,
  },
]

export type Client = (typeof CLIENTS)[number]

/** A service of its own prefix, on the Redis of this run or another one. */
export async function openService(
  { Service }: Client,
  options: RedisWorkflowServiceOptions = {},
  connection: unknown = inject('redisUrl')
): Promise<Service> {
  const service = new Service(connection, {
    keyPrefix: uniquePrefix(),
    wireQueues: false,
    ...options,
  })
  await service.init()
  return service
}
