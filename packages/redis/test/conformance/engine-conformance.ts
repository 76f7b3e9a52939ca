/**
 * The engine's own conformance suite, which wants node's test runner:
 * `node --test test/conformance/engine-conformance.ts`.
 */
import { after } from 'node:test'
import { defineServiceTests } from '@pikku/core/testing'
import {
  RedisAgentRunService as AgentRunsOverIoRedis,
  RedisAgentStorageService as AgentsOverIoRedis,
  RedisWorkflowRunService as RunsOverIoRedis,
  RedisWorkflowService as OverIoRedis,
} from '@pikku/redis'
import {
  RedisAgentRunService as AgentRunsOverNodeRedis,
  RedisAgentStorageService as AgentsOverNodeRedis,
  RedisWorkflowRunService as RunsOverNodeRedis,
  RedisWorkflowService as OverNodeRedis,
} from '@pikku/redis/node-redis'
import { findRedis, uniquePrefix } from '@pikku/redis-testing'

const redis = await findRedis({ log: console.log })
const opened: Array<{ close(): Promise<void> }> = []

type Create = (url: string, prefix: string) => OverIoRedis | OverNodeRedis
type CreateRuns = (
  url: string,
  prefix: string
) => RunsOverIoRedis | RunsOverNodeRedis

const CLIENTS: Record<string, [Create, CreateRuns]> = {
  ioredis: [
    (...args) => new OverIoRedis(...args),
    (...args) => new RunsOverIoRedis(...args),
  ],
  'node-redis': [
    (...args) => new OverNodeRedis(...args),
    (...args) => new RunsOverNodeRedis(...args),
  ],
}

const AGENTS = {
  ioredis: { Runs: AgentRunsOverIoRedis, Storage: AgentsOverIoRedis },
  'node-redis': { Runs: AgentRunsOverNodeRedis, Storage: AgentsOverNodeRedis },
}

for (const [name, [workflows, runs]] of Object.entries(CLIENTS)) {
  // The suite lists the runs that its workflow tests made.
  const prefix = uniquePrefix()
  const agents = AGENTS[name as keyof typeof AGENTS]
  const agentPrefix = uniquePrefix('agents')
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
      workflowService: () => open(workflows(redis.url, prefix)),
      workflowRunService: () => open(runs(redis.url, prefix)),
      agentStorageService: () =>
        open(new agents.Storage(redis.url, agentPrefix)),
      agentRunService: () => open(new agents.Runs(redis.url, agentPrefix)),
    },
  })
}

after(async () => {
  for (const service of opened) await service.close()
  await redis.stop()
})
