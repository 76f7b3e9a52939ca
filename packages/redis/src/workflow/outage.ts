import {
  RedisConnectionError,
  RedisNotReplicatedError,
  RedisReplyError,
} from '@pikku/redis-core'

/** Whether Redis failed the call, and not the caller. */
export function isOutage(error: unknown): error is Error {
  return (
    error instanceof RedisConnectionError ||
    error instanceof RedisNotReplicatedError ||
    error instanceof RedisReplyError
  )
}
