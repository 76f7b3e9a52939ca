/**
 * The engine's own conformance suite, which wants node's test runner:
 * `node --test test/conformance/engine-conformance.ts`.
 */
import { after } from 'node:test'
import { defineServiceTests } from '@pikku/core/testing'
import {
  RedisCredentialService as CredentialsOverIoRedis,
  RedisSecretService as SecretsOverIoRedis,
  RedisWorkflowRunService as RunsOverIoRedis,
  RedisWorkflowService as OverIoRedis,
} from '@pikku/redis'
import {
  RedisCredentialService as CredentialsOverNodeRedis,
  RedisSecretService as SecretsOverNodeRedis,
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

const ENCRYPTING = {
  ioredis: {
    Secrets: SecretsOverIoRedis,
    Credentials: CredentialsOverIoRedis,
  },
  'node-redis': {
    Secrets: SecretsOverNodeRedis,
    Credentials: CredentialsOverNodeRedis,
  },
}

const CLIENTS: Record<keyof typeof ENCRYPTING, [Create, CreateRuns]> = {
  ioredis: [
    (...args) => new OverIoRedis(...args),
    (...args) => new RunsOverIoRedis(...args),
  ],
  'node-redis': [
    (...args) => new OverNodeRedis(...args),
    (...args) => new RunsOverNodeRedis(...args),
  ],
}

for (const name of ['ioredis', 'node-redis'] as const) {
  const [workflows, runs] = CLIENTS[name]
  const { Secrets, Credentials } = ENCRYPTING[name]
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
      workflowService: () => open(workflows(redis.url, prefix)),
      workflowRunService: () => open(runs(redis.url, prefix)),
      secretService: (keys) =>
        open(new Secrets(redis.url, { ...keys, keyPrefix: prefix })),
      credentialService: (keys) =>
        open(new Credentials(redis.url, { ...keys, keyPrefix: prefix })),
    },
  })
}

after(async () => {
  for (const service of opened) await service.close()
  await redis.stop()
})
