export type {
  IoRedisClient,
  IoRedisClusterConfig,
  IoRedisConnection,
  IoRedisPipeline,
} from './client.js'
export { IoRedisAdapter } from './io-redis-adapter.js'
