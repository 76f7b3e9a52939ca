import {
  RedisConnectionError,
  type RedisReply,
  RedisReplyError,
} from '@pikku/redis-core'

/**
 * Brings a reply into the contract's shape. Needed where an application chose
 * ioredis 6's `replyMapping: 'resp3'`: maps come as objects, doubles as
 * numbers, and booleans exist.
 */
export function toReply(value: unknown): RedisReply {
  if (typeof value === 'string') return value
  if (typeof value === 'number') {
    return Number.isInteger(value) ? value : String(value)
  }
  if (value === null || value === undefined) return null
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return value.map(toReply)
  if (Buffer.isBuffer(value)) return value.toString()
  return Object.entries(value).flatMap(([k, v]) => [k, toReply(v)])
}

/**
 * ioredis notes in its errors which command failed, with its arguments: the
 * password of a HELLO, what a run was given. Whoever logs an error of ours logs
 * its cause, so only the command's name stays.
 */
export function withoutArguments(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const noted = error as { command?: { name: string }; lastNodeError?: unknown }
  if (noted.command) noted.command = { name: noted.command.name }
  withoutArguments(noted.lastNodeError)
  return error
}

/** An error reply of the server, or no connection to it. */
export function toError(
  error: unknown
): RedisReplyError | RedisConnectionError {
  const message = error instanceof Error ? error.message : String(error)
  withoutArguments(error)
  // ioredis names every error reply so, and no other error.
  if (error instanceof Error && error.name === 'ReplyError') {
    return new RedisReplyError(message, { cause: error })
  }
  return new RedisConnectionError(`Redis did not answer: ${message}`, {
    cause: error,
  })
}
