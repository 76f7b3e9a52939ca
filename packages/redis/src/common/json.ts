import {
  RedisCorruptDataError,
  RedisSerializationError,
  RedisValueTooLargeError,
} from '@pikku/redis-core'

/**
 * A value as JSON text, or '' for `undefined`, which has none.
 *
 * @param what What the value is, for the error: 'The result of step ...'.
 * @param maxBytes The limit for the text, in bytes of UTF-8.
 * @throws RedisSerializationError for a cycle, a BigInt, a function, a symbol.
 * @throws RedisValueTooLargeError
 */
export function encodeJson(
  value: unknown,
  what: string,
  maxBytes: number
): string {
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
  // No character is longer than three bytes: most texts need no counting.
  const bytes =
    text.length * 3 <= maxBytes ? text.length : Buffer.byteLength(text)
  if (bytes > maxBytes) {
    throw new RedisValueTooLargeError(
      `${what} is too large to be stored: ${bytes} bytes, and maxValueBytes ` +
        `is ${maxBytes}`
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
