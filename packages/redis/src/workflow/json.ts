import {
  RedisCorruptDataError,
  RedisSerializationError,
} from '@pikku/redis-core'

/**
 * A value as JSON text, or '' for `undefined`, which has none.
 *
 * @param what What the value is, for the error: 'The result of step ...'.
 * @throws RedisSerializationError for a cycle, a BigInt, a function, a symbol.
 */
export function encodeJson(value: unknown, what: string): string {
  if (value === undefined) return ''
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    throw new RedisSerializationError(
      `${what} cannot be stored as JSON: ` +
        (cause instanceof Error ? cause.message : String(cause)),
      { cause }
    )
  }
  if (text === undefined) {
    throw new RedisSerializationError(
      `${what} cannot be stored as JSON: it is a ${typeof value}`
    )
  }
  return text
}

/**
 * The value of a field that holds JSON; a field that is missing or empty is
 * `undefined`.
 *
 * @throws RedisCorruptDataError that names the key and the field.
 */
export function decodeJson<T>(
  text: string | undefined,
  key: string,
  field: string
): T | undefined {
  if (text === undefined || text === '') return undefined
  try {
    return JSON.parse(text) as T
  } catch (cause) {
    throw new RedisCorruptDataError(key, field, 'it is not JSON', { cause })
  }
}
