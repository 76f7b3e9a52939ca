import { defineFaultContract } from '@pikku/redis-core/testing'
import { inject } from 'vitest'
import { NodeRedisAdapter } from '../src/index.js'

defineFaultContract('node-redis', {
  create: (url) => new NodeRedisAdapter(url),
  serverUrl: () => inject('redisUrl'),
})
