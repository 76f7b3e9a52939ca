import { RedisOptionsError, wholeNumber } from '@pikku/redis-core'
import {
  resolveServiceOptions,
  type ServiceOptions,
} from '../common/service-options.js'

/** Of the services that encrypt what they store. */
export interface EncryptionOptions extends ServiceOptions {
  /**
   * What the key-encryption key is derived from. It never leaves the process;
   * take 32 random bytes or more, as with `openssl rand -base64 32`.
   */
  key: string
  /**
   * The version of `key`, a whole number: one more for each new key.
   * @default 1
   */
  keyVersion?: number
  /**
   * The key before this one: reads what is not rotated yet, and rotates it.
   * @default none: everything is encrypted under `key`
   */
  previousKey?: string
  /**
   * The start of every key.
   * @default 'pikku'
   */
  keyPrefix?: string
}

/** @throws RedisOptionsError that names the option, and never shows a key. */
export function resolveEncryptionOptions(
  given: EncryptionOptions
): EncryptionOptions {
  const options = resolveServiceOptions<EncryptionOptions>(given, {
    key: true,
    keyVersion: true,
    previousKey: true,
  })
  const { key, keyVersion, previousKey } = options
  checkKey('key', key)
  if (keyVersion !== undefined) wholeNumber('keyVersion', keyVersion, 0)
  // As in 0.12, where an empty one is none: a variable that is set to nothing.
  if (previousKey !== undefined && previousKey !== '') {
    checkKey('previousKey', previousKey)
  }
  return options
}

function checkKey(name: string, key: unknown): void {
  if (typeof key !== 'string' || key === '') {
    throw new RedisOptionsError(`${name} must be a string, not empty`)
  }
  // UTF-8 has no form for it: keys that differ would be the same one.
  if (!key.isWellFormed()) {
    throw new RedisOptionsError(`${name} holds a lone surrogate`)
  }
}
