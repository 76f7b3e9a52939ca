import { RedisSerializationError } from '@pikku/redis-core'
import { isSecretValue } from './secret-value.js'

/**
 * What JSON keeps of a value, as it is now: the caller may change it while the
 * key is derived. A secret value, at any depth, is what it reveals; its own
 * JSON would be '[secret]'.
 *
 * @throws RedisSerializationError without a cause: messages of errors quote
 *   what they are about, and that is the secret.
 */
export function plainValue(value: unknown, what: string): unknown {
  try {
    const plain = throughJson(value)
    if (plain !== undefined) return plain
  } catch {
    throw new RedisSerializationError(
      `${what} cannot be stored as JSON: it has a cycle, a BigInt, or a ` +
        'toJSON() that fails'
    )
  }
  throw new RedisSerializationError(
    `${what} cannot be stored as JSON: it is ${typeof value}`
  )
}

function throughJson(value: unknown): unknown {
  const text = JSON.stringify(value, function (this: object, key, encoded) {
    const original: unknown = Reflect.get(this, key)
    return isSecretValue(original) ? throughJson(original.reveal()) : encoded
  }) as string | undefined
  return text === undefined ? undefined : (JSON.parse(text) as unknown)
}
