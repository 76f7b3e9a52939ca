/**
 * The engine's own conformance suite, which wants node's test runner:
 * `node --test test/conformance/engine-conformance.ts`.
 */
import { after } from 'node:test'
import { defineServiceTests } from '@pikku/core/testing'
import {
  RedisWorkflowRunService as RunsOverIoRedis,
  RedisWorkflowService as OverIoRedis,
} from '@pikku/redis'
import {
  RedisWorkflowRunService as RunsOverNodeRedis,
  RedisWorkflowService as OverNodeRedis,
} from '@pikku/redis/node-redis'
import { findRedis, uniquePrefix } from '@pikku/redis-testing'

const redis = await findRedis({ log: console.log })
const opened: Array<{ close(): Promise<void> }> = []

const CLIENTS = {
  ioredis: [OverIoRedis, RunsOverIoRedis],
  'node-redis': [OverNodeRedis, RunsOverNodeRedis],
} as const

for (const [name, [Workflows, Runs]] of Object.entries(CLIENTS)) {
  // The suite lists the runs that its workflow tests made.
  const prefix = uniquePrefix()
  const open = async <
    T extends { init(): Promise<void>; close(): Promise<void> },
  >(
    service: T
  ): Promise<T> => {
    await service.init()
    opened.push(service)
    return service
  }
  defineServiceTests({
    name: `@pikku/redis over ${name}`,
    services: {
      workflowService: () => open(new Workflows(redis.url, prefix)),
      workflowRunService: () => open(new Runs(redis.url, prefix)),
    },
  })
}

after(async () => {
  for (const service of opened) await service.close()
  await redis.stop()
})
