/**
 * The engine's own conformance suite, which wants node's test runner:
 * `node --test test/conformance/engine-conformance.ts`.
 */
import { after } from 'node:test'
import { defineServiceTests } from '@pikku/core/testing'
import {
  createRedisServices as createOverIoRedis,
  type RedisServicesOptions,
} from '@pikku/redis'
import { createRedisServices as createOverNodeRedis } from '@pikku/redis/node-redis'
import { findRedis, uniquePrefix } from '@pikku/redis-testing'

const redis = await findRedis({ log: console.log })
const opened: Array<{ close(): Promise<void> }> = []

const CLIENTS = {
  ioredis: (url: string, options: RedisServicesOptions) =>
    createOverIoRedis(url, options),
  'node-redis': (url: string, options: RedisServicesOptions) =>
    createOverNodeRedis(url, options),
}

for (const [name, create] of Object.entries(CLIENTS)) {
  // The suite lists the runs that its workflow tests made.
  const keyPrefix = uniquePrefix()
  const services = create(redis.url, {
    workflows: { keyPrefix },
    channels: { keyPrefix, leaseMs: 60_000 },
  })
  await services.init()
  opened.push(services)
  defineServiceTests({
    name: `@pikku/redis over ${name}`,
    services: {
      workflowService: async () => services.workflowService,
      workflowRunService: async () => services.workflowRunService,
      channelStore: async () => services.channelStore,
      eventHubStore: async () => services.eventHubStore,
    },
  })
}

after(async () => {
  for (const services of opened) await services.close()
  await redis.stop()
})
