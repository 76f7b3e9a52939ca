import {
  RedisClosedError,
  RedisConnectionError,
  RedisOutOfMemoryError,
  RedisReadOnlyError,
  RedisReplyError,
  RedisWrongTypeError,
} from './errors.js'

/** Replies which say that nothing ran, and that it might in a moment. */
const PASSING = new Set([
  'BUSY', // another script runs for long
  'CLUSTERDOWN', // a failover, or slots without an owner
  'LOADING', // the server restarts
  'MASTERDOWN', // a replica without its master
  'NOREPLICAS', // min-replicas-to-write
  'TRYAGAIN', // the slot is being moved, some of the keys are there already
])

/**
 * Whether the same call may be sent again. A connection that broke may have
 * swallowed the reply of a call that ran: that is why scripts are idempotent.
 */
export function mayRepeat(error: unknown): boolean {
  if (error instanceof RedisClosedError) return false
  if (error instanceof RedisConnectionError) return true
  return error instanceof RedisReplyError && PASSING.has(codeOf(error))
}

export function isNoScript(error: unknown): boolean {
  return error instanceof RedisReplyError && error.replyCode === 'NOSCRIPT'
}

/** Whether a slot of a cluster is on another node, or on its way there. */
export function isRedirect(error: unknown): boolean {
  return (
    error instanceof RedisReplyError &&
    (error.replyCode === 'MOVED' || error.replyCode === 'ASK')
  )
}

/**
 * The same failure under its own name, with what was called and its keys.
 *
 * @param what A script's or command's name.
 */
export function explain(
  error: unknown,
  what: string,
  keys: readonly string[]
): unknown {
  if (!(error instanceof RedisReplyError)) return error
  const where = `${what}${listed(keys)}`
  const options = { cause: error }
  switch (codeOf(error)) {
    case 'WRONGTYPE':
      return new RedisWrongTypeError(
        `${where}: a key holds another type than it should`,
        options
      )
    case 'OOM':
      return new RedisOutOfMemoryError(
        `OOM ${where}: the server is at its maxmemory, nothing was written`,
        options
      )
    case 'READONLY':
      return new RedisReadOnlyError(
        `READONLY ${where}: the server is a read-only replica, ` +
          'nothing was written: connect to its master',
        options
      )
    default:
      return new RedisReplyError(`${error.message} (${where})`, options)
  }
}

/** A run may have ten thousands of keys. */
const MOST_LISTED = 12

/** For a message: ` of keys 'a', 'b'`. */
export function listed(keys: readonly string[]): string {
  if (keys.length === 0) return ''
  const shown = keys.slice(0, MOST_LISTED).map((key) => `'${key}'`)
  if (keys.length > shown.length)
    shown.push(`${keys.length - shown.length} more`)
  const names = shown.join(', ')
  return ` of ${keys.length === 1 ? 'key' : 'keys'} ${names}`
}

/** Before Redis 7 the reply of a command in a script comes inside another. */
function codeOf({ message, replyCode }: RedisReplyError): string {
  const inScript = /(?:^| -|: )(OOM|READONLY|WRONGTYPE|NOREPLICAS)\b/
  return inScript.exec(message)?.[1] ?? replyCode
}
