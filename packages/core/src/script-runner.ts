import type { RedisAdapter, RedisCommand, RedisReply } from './adapter.js'
import {
  RedisArgumentError,
  RedisReplyError,
  RedisWrongTypeError,
} from './errors.js'
import type { Script, ScriptCall } from './script.js'

/**
 * Runs scripts over any adapter: `EVALSHA`, and where the server does not know
 * the script (a restart, a failover, `SCRIPT FLUSH`) once more with its source.
 * `NOSCRIPT` says that nothing ran, so that second call repeats nothing.
 */
export class ScriptRunner {
  readonly #adapter: RedisAdapter

  constructor(adapter: RedisAdapter) {
    this.#adapter = adapter
  }

  /**
   * @throws RedisArgumentError for an argument that is not a string or number.
   * @throws RedisWrongTypeError where a key holds another type.
   * @throws RedisReplyError, RedisConnectionError as the adapter does.
   */
  async run<Key extends string, Arg extends string, Result>(
    script: Script<Key, Arg, Result>,
    call: ScriptCall<Key, Arg>
  ): Promise<Result> {
    const tail = commandTail(script, call)
    const key = tail[1] ?? null
    try {
      return script.parse(await this.#evaluate(script, key, tail))
    } catch (error) {
      throw explain(error, script.name, Object.values(call.keys))
    }
  }

  async #evaluate(
    script: Script,
    key: string | null,
    tail: readonly string[]
  ): Promise<RedisReply> {
    try {
      return await this.#adapter.send({
        key,
        args: ['EVALSHA', script.sha, ...tail],
      })
    } catch (error) {
      if (!isNoScript(error)) throw error
      return await this.#adapter.send({
        key,
        args: ['EVAL', script.source, ...tail],
      })
    }
  }

  /** Sends one plain command; errors are named as in {@link run}. */
  async send(...args: RedisCommand['args']): Promise<RedisReply> {
    const key = args[1] ?? null
    try {
      return await this.#adapter.send({ key, args })
    } catch (error) {
      throw explain(error, args[0], key === null ? [] : [key])
    }
  }

  /** Sends plain commands in one write. The first error of any is thrown. */
  async sendAll(
    commands: ReadonlyArray<RedisCommand['args']>
  ): Promise<RedisReply[]> {
    const replies = await this.#adapter.sendAll(
      commands.map((args) => ({ key: args[1] ?? null, args }))
    )
    return replies.map((reply, i) => {
      if (!(reply instanceof Error)) return reply
      const args = commands[i] ?? []
      throw explain(reply, args[0] ?? '', args[1] ? [args[1]] : [])
    })
  }
}

function commandTail(
  script: Script,
  call: ScriptCall<string, string>
): string[] {
  const tail = [String(script.keys.length)]
  for (const name of script.keys) {
    tail.push(checked(script, `key '${name}'`, call.keys[name]))
  }
  for (const name of script.args) {
    tail.push(checked(script, `argument '${name}'`, call.args[name]))
  }
  for (const [i, value] of (call.rest ?? []).entries()) {
    tail.push(checked(script, `further argument ${i}`, value))
  }
  return tail
}

/**
 * node-redis throws on `undefined` and on numbers where ioredis would write an
 * empty string: neither gets to see one.
 */
function checked(script: Script, what: string, value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  throw new RedisArgumentError(
    `Script '${script.name}': ${what} must be a string or a number, ` +
      `not ${String(value)}`
  )
}

function isNoScript(error: unknown): boolean {
  return error instanceof RedisReplyError && error.replyCode === 'NOSCRIPT'
}

function explain(error: unknown, what: string, keys: string[]): unknown {
  if (error instanceof RedisReplyError && error.message.includes('WRONGTYPE')) {
    return new RedisWrongTypeError(
      `${what}: one of the keys ${keys.map((key) => `'${key}'`).join(', ')} ` +
        'holds another type than it should',
      { cause: error }
    )
  }
  return error
}
