import {
  RedisConnectionError,
  type RedisReply,
  RedisReplyError,
} from '@pikku/redis-core'

/**
 * Asks node-redis for the contract's shapes, whatever the client's own type
 * mapping and RESP version: the keys are the type bytes of RESP3.
 */
export const TYPE_MAPPING: Record<number, unknown> = {
  0x2b: String, // + simple string
  0x24: String, // $ bulk string
  0x3d: String, // = verbatim string
  0x3a: Number, // : integer
  0x28: String, // ( big number
  0x2c: String, // , double
  0x25: Array, // % map
  0x7e: Array, // ~ set
}

export function toReply(value: unknown): RedisReply {
  if (typeof value === 'string' || typeof value === 'number') return value
  if (Array.isArray(value)) return value.map(toReply)
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value === null || value === undefined) return null
  return String(value)
}

/** An error reply of the server, or no connection to it. */
export function toError(
  error: unknown
): RedisReplyError | RedisConnectionError {
  const message = error instanceof Error ? error.message : String(error)
  if (isErrorReply(error)) return new RedisReplyError(message, { cause: error })
  return new RedisConnectionError(`Redis did not answer: ${message}`, {
    cause: error,
  })
}

/**
 * Error replies begin with a code in capitals, as the protocol says; no error
 * of the client or of a socket does. (Their classes may be another copy's.)
 */
function isErrorReply(error: unknown): boolean {
  return (
    error instanceof Error &&
    !('syscall' in error) &&
    /^[A-Z][A-Z0-9_]+(\s|$)/.test(error.message)
  )
}
