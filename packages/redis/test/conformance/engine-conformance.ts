/**
 * The engine's own conformance suite, which wants node's test runner:
 * `node --test test/conformance/engine-conformance.ts`.
 */
import { after } from 'node:test'
import { defineServiceTests } from '@pikku/core/testing'
import * as ioRedisEntry from '@pikku/redis'
import * as nodeRedisEntry from '@pikku/redis/node-redis'
import { findRedis, uniquePrefix } from '@pikku/redis-testing'

const redis = await findRedis({ log: console.log })
const opened: Array<{ close(): Promise<void> }> = []

const ENTRIES: Record<string, typeof ioRedisEntry> = {
  ioredis: ioRedisEntry,
  'node-redis': nodeRedisEntry as unknown as typeof ioRedisEntry,
}

for (const [name, entry] of Object.entries(ENTRIES)) {
  // The suite lists the runs that its workflow tests made, and the threads.
  const keyPrefix = uniquePrefix()
  const services = entry.createRedisServices(redis.url, {
    workflows: { keyPrefix },
    channels: { keyPrefix, leaseMs: 60_000 },
    sessions: { keyPrefix },
    deployments: { keyPrefix },
    agents: { keyPrefix: uniquePrefix('agents') },
  })
  await services.init()
  opened.push(services)
  const { adapter } = services
  defineServiceTests({
    name: `@pikku/redis over ${name}`,
    services: {
      workflowService: async () => services.workflowService,
      workflowRunService: async () => services.workflowRunService,
      channelStore: async () => services.channelStore,
      eventHubStore: async () => services.eventHubStore,
      sessionStore: async () => services.sessionStore,
      deploymentService: async () => services.deploymentService,
      agentStorageService: async () => services.agentStorage,
      agentRunService: async () => services.agentRunService,
      secretService: async (config) =>
        new entry.RedisSecretService(adapter, { keyPrefix, ...config }),
      credentialService: async (config) =>
        new entry.RedisCredentialService(adapter, { keyPrefix, ...config }),
    },
  })
}

after(async () => {
  for (const services of opened) await services.close()
  await redis.stop()
})
