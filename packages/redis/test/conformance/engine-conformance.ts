/**
 * The engine's own conformance suite, which wants node's test runner:
 * `node --test test/conformance/engine-conformance.ts`.
 */
import { after } from 'node:test'
import { defineServiceTests } from '@pikku/core/testing'
import { RedisWorkflowService as OverIoRedis } from '@pikku/redis'
import { RedisWorkflowService as OverNodeRedis } from '@pikku/redis/node-redis'
import { findRedis, uniquePrefix } from '@pikku/redis-testing'

const redis = await findRedis({ log: console.log })
const opened: Array<OverIoRedis | OverNodeRedis> = []

const CLIENTS = {
  ioredis: (url: string, prefix: string) => new OverIoRedis(url, prefix),
  'node-redis': (url: string, prefix: string) => new OverNodeRedis(url, prefix),
}

for (const [name, create] of Object.entries(CLIENTS)) {
  defineServiceTests({
    name: `@pikku/redis over ${name}`,
    services: {
      workflowService: async () => {
        const service = create(redis.url, uniquePrefix())
        await service.init()
        opened.push(service)
        return service
      },
    },
  })
}

after(async () => {
  for (const service of opened) await service.close()
  await redis.stop()
})
