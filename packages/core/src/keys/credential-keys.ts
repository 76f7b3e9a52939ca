import type { RedisAdapter } from '../adapter.js'
import { oneSlotPrefix, requiredName } from './key-parts.js'

/**
 * Each kind has a word of its own, and a user id or a name is the last part of
 * its key: whatever they hold, no two keys meet.
 */
export class CredentialKeys {
  readonly prefix: string

  /** @throws RedisOptionsError */
  constructor(prefix: string, topology: RedisAdapter['topology']) {
    this.prefix = oneSlotPrefix(prefix, topology)
  }

  /**
   * The hash of a user's credentials; without a user, of the global ones.
   *
   * @throws RedisArgumentError for an id that is no string, or empty.
   */
  credentialsKey(userId?: string): string {
    if (userId === undefined) return `${this.prefix}:credentials`
    const user = requiredName('A user id', userId)
    return `${this.prefix}:user-credentials:${user}`
  }

  /** A sorted set of the users that have any. */
  usersKey(): string {
    return `${this.prefix}:credential-users`
  }

  /**
   * A sorted set of the users that have this one.
   *
   * @throws RedisArgumentError for a name that is no string, or empty.
   */
  usersOfNameKey(credential: string): string {
    const name = requiredName("A credential's name", credential)
    return `${this.prefix}:credential-users:${name}`
  }

  saltsKey(): string {
    return `${this.prefix}:credential-kek-salt`
  }
}
