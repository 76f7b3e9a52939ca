export { CommandCounter, type CommandCount } from './command-counter.js'
export { findRedis, type FindRedisOptions } from './find-redis.js'
export type { ProcessExit } from './guarded-process.js'
export { uniquePrefix } from './key-space.js'
export type { PrivateCopyOptions } from './private-copy.js'
export {
  RawConnection,
  type RawArgument,
  type RawConnectionOptions,
} from './raw-connection.js'
export { RawCluster, type RawRedis } from './raw-cluster.js'
export { RawReplyError, type RawReply } from './raw-reply.js'
export type { RedisBinary } from './inspect-redis-binary.js'
export { findRedisBinary } from './redis-binary.js'
export type { RedisHandle, RedisKind } from './redis-handle.js'
export { RedisNotFoundError, type FailedWay } from './redis-not-found-error.js'
export type { RedisProvidedContext } from './provided-context.js'
export {
  type ClusterNode,
  RedisCluster,
  type RedisClusterOptions,
} from './redis-cluster.js'
export {
  RedisSentinels,
  type RedisSentinelsOptions,
} from './redis-sentinels.js'
export { RedisServer, type RedisServerOptions } from './redis-server.js'
export { WorkerProcess, type WorkerProcessOptions } from './worker-process.js'
export { until } from './until.js'
