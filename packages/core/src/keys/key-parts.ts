import type { RedisAdapter } from '../adapter.js'
import { RedisArgumentError, RedisOptionsError } from '../errors.js'

/** @throws RedisOptionsError for what cannot be the start of a key. */
export function checkedPrefix(prefix: unknown): string {
  if (typeof prefix !== 'string' || prefix === '') {
    throw new RedisOptionsError('keyPrefix must be a string, not empty')
  }
  if (!prefix.isWellFormed()) {
    throw new RedisOptionsError('keyPrefix holds a lone surrogate')
  }
  return prefix
}

/**
 * The prefix of keys that one script touches together. A cluster wants them in
 * one hash slot, so there the prefix becomes their hash tag: `{pikku}:topic:x`.
 * A prefix that brings a hash tag keeps its own.
 *
 * @throws RedisOptionsError for a prefix whose braces are no hash tag.
 */
export function oneSlotPrefix(
  prefix: unknown,
  topology: RedisAdapter['topology']
): string {
  const start = checkedPrefix(prefix)
  if (topology === 'single' || /\{[^}]+\}/.test(start)) return start
  if (/[{}]/.test(start)) {
    throw new RedisOptionsError(
      `keyPrefix '${start}' has a brace, and no hash tag: on a cluster the ` +
        'prefix becomes one'
    )
  }
  return `{${start}}`
}

/** A glob that finds this text and no other, for `SCAN`. */
export function globOf(text: string): string {
  return text.replaceAll(/[*?[\]\\^-]/g, '\\$&')
}

/**
 * The last part of a key: it may hold any character.
 *
 * @throws RedisArgumentError for what is no text that UTF-8 can hold.
 */
export function name(value: string): string {
  if (typeof value !== 'string') {
    throw new RedisArgumentError(
      `A name must be a string, not ${value === null ? 'null' : typeof value}`
    )
  }
  // UTF-8 has no form for half a surrogate pair: two names would share a key.
  if (!value.isWellFormed()) {
    throw new RedisArgumentError(
      `The name ${JSON.stringify(value)} holds a lone surrogate`
    )
  }
  return value
}

/** Like {@link name}, for what has to be said: `what` is for the error. */
export function requiredName(what: string, value: string): string {
  if (value === '') throw new RedisArgumentError(`${what} must not be empty`)
  return name(value)
}

/** A part of a key that others follow: its colons are encoded. */
export function part(what: string, value: string): string {
  if (typeof value !== 'string' || value === '') {
    throw new RedisArgumentError(`${what} must be a string, not empty`)
  }
  return name(value).replaceAll(':', '%3A')
}
