import type { RedisReply } from '../adapter.js'
import { RedisReplyError } from '../errors.js'

/**
 * What a script says about a transition: `ok`, or why nothing changed, then
 * whatever the script's header lists.
 */
export interface Outcome<Code extends string> {
  readonly code: Code
  readonly detail: readonly string[]
}

/** Outcomes that every script of a run can have. */
export type Refusal = 'no-run' | 'lost'

export function parseOutcome<Code extends string>(
  reply: RedisReply
): Outcome<Code> {
  if (!Array.isArray(reply) || typeof reply[0] !== 'string') {
    throw new RedisReplyError(
      `ERR a script answered ${JSON.stringify(reply)} instead of an outcome`
    )
  }
  const [code, ...detail] = reply.map(String)
  return { code: code as Code, detail }
}

export function parseList(reply: RedisReply): string[] {
  return Array.isArray(reply) ? reply.map(String) : []
}
