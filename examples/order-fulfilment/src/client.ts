import {
  RedisWorkflowService as OverIoRedis,
  type RedisWorkflowServiceOptions,
} from '@pikku/redis'
import { RedisWorkflowService as OverNodeRedis } from '@pikku/redis/node-redis'

export const CLIENTS = ['ioredis', 'node-redis'] as const

export type Client = (typeof CLIENTS)[number]
export type Service = OverIoRedis | OverNodeRedis

/** The import path is all that differs between the two clients. */
export async function openService(
  client: Client,
  url: string,
  options: RedisWorkflowServiceOptions
): Promise<Service> {
  const service =
    client === 'ioredis'
      ? new OverIoRedis(url, options)
      : new OverNodeRedis(url, options)
  await service.init()
  return service
}
