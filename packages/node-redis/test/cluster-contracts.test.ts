import {
  defineAdapterContract,
  defineLockContract,
} from '@pikku/redis-core/testing'
import { RedisCluster } from '@pikku/redis-testing'
import { afterAll } from 'vitest'
import { NodeRedisAdapter } from '../src/index.js'

const cluster = await RedisCluster.start()
afterAll(() => cluster.stop())

const over = (nodes: string[]) =>
  new NodeRedisAdapter({ rootNodes: nodes.map((url) => ({ url })) })
const harness = {
  create: () => over(cluster.urls),
  createUnreachable: () => over(['redis://127.0.0.1:1']),
}

defineAdapterContract('node-redis, a cluster', harness)
defineLockContract('node-redis, a cluster', harness)
