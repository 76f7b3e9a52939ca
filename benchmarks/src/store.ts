import { InMemoryWorkflowService } from '@pikku/core/services'
import type {
  PikkuWorkflowService,
  WorkflowRunService,
} from '@pikku/core/workflow'
import {
  RedisWorkflowRunService as RunsOverIoRedis,
  RedisWorkflowService as OverIoRedis,
} from '@pikku/redis'
import {
  RedisWorkflowRunService as RunsOverNodeRedis,
  RedisWorkflowService as OverNodeRedis,
} from '@pikku/redis/node-redis'
import {
  RedisWorkflowRunService as PublishedRuns,
  RedisWorkflowService as Published,
} from '@pikku/redis-published'
import { Redis } from 'ioredis'
import type { Contender } from './contenders.ts'
import type { Target } from './scenario.ts'

/** A contender's store, opened. */
export interface Store {
  readonly service: PikkuWorkflowService
  close(): Promise<void>
}

/** What lists a contender's runs, over a connection of its own. */
export interface Runs {
  readonly service: Pick<WorkflowRunService, 'listRuns'>
  close(): Promise<void>
}

export async function openStore(
  contender: Contender,
  target: Target,
  keyPrefix: string
): Promise<Store> {
  if (contender.kind === 'memory') {
    const service = new InMemoryWorkflowService()
    return { service, close: () => service.close() }
  }
  const service = serviceOf(contender, target, keyPrefix)
  await service.init()
  return { service, close: () => service.close() }
}

function serviceOf(contender: Contender, target: Target, keyPrefix: string) {
  const { kind, client, pipelining } = contender
  if (kind === 'published') {
    // Its type has no name for the option, which the engine's base class has.
    const options = { wireQueues: false } as never
    return new Published(target.urls[0], keyPrefix, options)
  }
  const options = {
    keyPrefix,
    wireQueues: false,
    ...(pipelining !== undefined && { pipelining }),
  }
  return client === 'ioredis'
    ? new OverIoRedis(forIoRedis(target), options)
    : new OverNodeRedis(forNodeRedis(target), options)
}

export async function openRuns(
  { kind, client }: Contender,
  target: Target,
  keyPrefix: string
): Promise<Runs> {
  if (kind === 'published') {
    // It has to be given a client, by its types one of ioredis 5.
    const redis = new Redis(target.urls[0]!)
    const service = new PublishedRuns(redis as never, keyPrefix)
    return { service, close: async () => redis.disconnect() }
  }
  const service =
    client === 'ioredis'
      ? new RunsOverIoRedis(forIoRedis(target), keyPrefix)
      : new RunsOverNodeRedis(forNodeRedis(target), keyPrefix)
  await service.init()
  return { service, close: () => service.close() }
}

function forIoRedis({ urls, cluster }: Target) {
  if (!cluster) return urls[0]
  const nodes = urls.map((url) => {
    const { hostname, port } = new URL(url)
    return { host: hostname, port: Number(port) }
  })
  return { nodes }
}

function forNodeRedis({ urls, cluster }: Target) {
  return cluster ? { rootNodes: urls.map((url) => ({ url })) } : urls[0]
}
