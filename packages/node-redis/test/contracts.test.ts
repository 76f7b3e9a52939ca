import {
  defineAdapterContract,
  defineLockContract,
} from '@pikku/redis-core/testing'
import { inject } from 'vitest'
import { NodeRedisAdapter } from '../src/index.js'

const harness = {
  create: () => new NodeRedisAdapter(inject('redisUrl')),
  createUnreachable: () => new NodeRedisAdapter('redis://127.0.0.1:1'),
}

defineAdapterContract('node-redis', harness)
defineLockContract('node-redis', harness)
