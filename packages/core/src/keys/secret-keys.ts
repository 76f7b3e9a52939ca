import type { RedisAdapter } from '../adapter.js'
import { globOf, name, oneSlotPrefix } from './key-parts.js'

/**
 * `{prefix}:secret:{name}` and `{prefix}:kek-salt`, as 0.12 has them, and
 * `{prefix}:secrets`, the index. No name makes two of them meet: of the three
 * only a secret's key begins with `{prefix}:secret:`.
 */
export class SecretKeys {
  readonly prefix: string

  /** @throws RedisOptionsError */
  constructor(prefix: string, topology: RedisAdapter['topology']) {
    this.prefix = oneSlotPrefix(prefix, topology)
  }

  /** @throws RedisArgumentError for a name that is no text. */
  secretKey(secret: string): string {
    return `${this.prefix}:secret:${name(secret)}`
  }

  /** A sorted set of names, in the order of their bytes. */
  indexKey(): string {
    return `${this.prefix}:secrets`
  }

  saltsKey(): string {
    return `${this.prefix}:kek-salt`
  }

  /** A pattern that finds every secret's key, for `SCAN`. */
  scanPattern(): string {
    return `${globOf(this.prefix)}:secret:*`
  }

  /** The name of a key that was found by {@link scanPattern}. */
  nameOf(key: string): string {
    return key.slice(this.secretKey('').length)
  }
}
