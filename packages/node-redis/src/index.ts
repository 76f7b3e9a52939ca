export type {
  AnyNodeRedisClient,
  CommandOptions,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisConnection,
  NodeRedisSentinel,
} from './client.js'
export { NodeRedisAdapter } from './node-redis-adapter.js'
