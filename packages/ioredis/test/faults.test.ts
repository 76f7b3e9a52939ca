import { defineFaultContract } from '@pikku/redis-core/testing'
import { inject } from 'vitest'
import { IoRedisAdapter } from '../src/index.js'

defineFaultContract('ioredis', {
  create: (url) => new IoRedisAdapter(url),
  serverUrl: () => inject('redisUrl'),
})
