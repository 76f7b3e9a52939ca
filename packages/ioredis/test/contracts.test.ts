import {
  defineAdapterContract,
  defineLockContract,
} from '@pikku/redis-core/testing'
import { inject } from 'vitest'
import { IoRedisAdapter } from '../src/index.js'

const harness = {
  create: () => new IoRedisAdapter(inject('redisUrl')),
  createUnreachable: () => new IoRedisAdapter('redis://127.0.0.1:1'),
}

defineAdapterContract('ioredis', harness)
defineLockContract('ioredis', harness)
