import {
  RedisWorkflowService as OverIoRedis,
  RedisWorkflowRunService as RunsOverIoRedis,
  type RedisWorkflowServiceOptions,
} from '@pikku/redis'
import {
  RedisWorkflowService as OverNodeRedis,
  RedisWorkflowRunService as RunsOverNodeRedis,
} from '@pikku/redis/node-redis'
import { type ConnectionOptions, createNodeRedisClient } from 'bullmq'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

export const CLIENTS = ['ioredis', 'node-redis'] as const

export type Client = (typeof CLIENTS)[number]
export type Service = OverIoRedis | OverNodeRedis
export type Runs = RunsOverIoRedis | RunsOverNodeRedis

/** One connection for the workflow services and for BullMQ's queues. */
export interface Connection {
  /** What BullMQ is given; a worker makes itself a second one of it. */
  readonly forQueues: ConnectionOptions
  service(options: RedisWorkflowServiceOptions): Service
  runs(keyPrefix: string): Runs
  close(): Promise<void>
}

/** The client that an application already has is shared by all of its parts. */
export async function connect(
  client: Client,
  url: string
): Promise<Connection> {
  if (client === 'ioredis') {
    // BullMQ wants calls to wait for a connection for as long as it takes.
    const redis = new Redis(url, { maxRetriesPerRequest: null })
    redis.on('error', warn)
    return {
      forQueues: redis,
      service: (options) => new OverIoRedis(redis, options),
      runs: (keyPrefix) => new RunsOverIoRedis(redis, keyPrefix),
      close: async () => void (await redis.quit()),
    }
  }
  const redis = createClient({ url })
  redis.on('error', warn)
  await redis.connect()
  return {
    forQueues: createNodeRedisClient(redis) as ConnectionOptions,
    service: (options) => new OverNodeRedis(redis, options),
    runs: (keyPrefix) => new RunsOverNodeRedis(redis, keyPrefix),
    close: () => redis.close(),
  }
}

function warn(error: Error): void {
  console.error(error.message)
}
