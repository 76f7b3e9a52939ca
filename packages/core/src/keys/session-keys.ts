import { checkedPrefix, requiredName } from './key-parts.js'

/** `{prefix}:session:{pikkuUserId}`, as 0.12 has it; each in a slot of its own. */
export class SessionKeys {
  readonly prefix: string

  /** @throws RedisOptionsError */
  constructor(prefix: string) {
    this.prefix = checkedPrefix(prefix)
  }

  /** @throws RedisArgumentError for an id that is no string, or empty. */
  sessionKey(pikkuUserId: string): string {
    return `${this.prefix}:session:${requiredName('A user id', pikkuUserId)}`
  }
}
