import { createHash } from 'node:crypto'
import type { RedisReply } from './adapter.js'
import callLib from './scripts/lib/call.lua'

/**
 * A Lua script with names instead of positions, so that a call reads as a
 * labelled call. `keys` and `args` are in the order of KEYS and ARGV, and the
 * header of the Lua file says the same: a test holds the two together.
 */
export interface Script<
  Key extends string = string,
  Arg extends string = string,
  Result = unknown,
> {
  readonly name: string
  readonly source: string
  readonly sha: string
  readonly keys: readonly Key[]
  readonly args: readonly Arg[]
  /** Whether any number of further arguments may follow (`rest`). */
  readonly variadic: boolean
  /** Whether somebody acts on what it writes as soon as it has answered. */
  readonly durable: boolean
  readonly parse: (reply: RedisReply) => Result
}

export interface ScriptDefinition<
  Key extends string,
  Arg extends string,
  Result,
> {
  /** The descriptor's own name; the file is the same in kebab case. */
  name: string
  /** Shared chunks first, the transition itself last. */
  lua: readonly string[]
  keys: readonly Key[]
  args: readonly Arg[]
  /** Whether further arguments may follow. @default false */
  variadic?: boolean
  /** Whether replicas are waited for after it. @default false */
  durable?: boolean
  /** Makes the result of the reply. */
  parse: (reply: RedisReply) => Result
}

/** What one call of a script is given. */
export interface ScriptCall<Key extends string, Arg extends string> {
  keys: Record<Key, string>
  args: Record<Arg, string | number>
  /** Only for a script that is variadic: field, value, field, value. */
  rest?: readonly string[]
  /** Only for a script whose header lists 'KEYS rest': keys after the others. */
  moreKeys?: readonly string[]
  /** The operation's id, if another script was called for it before. */
  operation?: string
  /** Whether this call is durable, if not every call of the script is. */
  durable?: boolean
}

/**
 * Names a script's keys and arguments. The source is the chunks of `lua` behind
 * a prelude that gives them `operation`, the call's id, and `now`, the server's
 * time in ms.
 *
 * The script has to be idempotent: {@link ScriptRunner} sends a call whose reply
 * was lost again, with the same `operation`.
 */
export function defineScript<Key extends string, Arg extends string, Result>(
  definition: ScriptDefinition<Key, Arg, Result>
): Script<Key, Arg, Result> {
  const source = [callLib, ...definition.lua].join('\n')
  return {
    name: definition.name,
    source,
    sha: createHash('sha1').update(source).digest('hex'),
    keys: definition.keys,
    args: definition.args,
    variadic: definition.variadic ?? false,
    durable: definition.durable ?? false,
    parse: definition.parse,
  }
}
