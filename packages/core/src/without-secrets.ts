import { RedisOptionsError } from './errors.js'

/**
 * Makes a client of what a user gave for a connection. What a client or a URL
 * throws has the text, which may hold a password: its message stays, its cause
 * does not.
 *
 * @throws RedisOptionsError for what is no connection.
 */
export function withoutSecrets<T>(create: () => T): T {
  try {
    return create()
  } catch (error) {
    if (error instanceof RedisOptionsError) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new RedisOptionsError(`connection cannot be used: ${why}`)
  }
}
