import {
  defineAdapterContract,
  defineLockContract,
} from '@pikku/redis-core/testing'
import { RedisCluster } from '@pikku/redis-testing'
import { afterAll } from 'vitest'
import { IoRedisAdapter } from '../src/index.js'

const cluster = await RedisCluster.start()
afterAll(() => cluster.stop())

const over = (nodes: string[]) => new IoRedisAdapter({ nodes })
const harness = {
  create: () => over(cluster.urls),
  createUnreachable: () => over(['redis://127.0.0.1:1']),
}

defineAdapterContract('ioredis, a cluster', harness)
defineLockContract('ioredis, a cluster', harness)
