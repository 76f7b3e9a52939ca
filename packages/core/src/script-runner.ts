import { setTimeout as delay } from 'node:timers/promises'
import type { RedisAdapter, RedisCommand, RedisReply } from './adapter.js'
import { DeadlinePassed, Deadlines } from './deadlines.js'
import {
  RedisArgumentError,
  RedisNotReplicatedError,
  RedisTimeoutError,
} from './errors.js'
import {
  explain,
  isNoScript,
  isRedirect,
  listed,
  mayRepeat,
} from './reply-errors.js'
import {
  type Durability,
  type RunnerOptions,
  resolveRunnerOptions,
} from './runner-options.js'
import { scratchKey } from './keys/scratch-key.js'
import { randomToken } from './random-token.js'
import propagateLib from './scripts/lib/propagate.lua'
import type { Script, ScriptCall } from './script.js'

/** Without its comments, as it is sent each time. */
const PROPAGATE = propagateLib.replaceAll(/^\s*--.*\n/gm, '').trim()

/** Before a call is repeated, in ms: doubled each time, up to the second. */
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 500

export interface CallOptions {
  /**
   * How long this call may take, repetitions included, in ms; never longer
   * than the runner's own `callTimeoutMs`.
   * @default the runner's `callTimeoutMs`
   */
  timeoutMs?: number
}

/**
 * Runs scripts over any adapter.
 *
 * - `EVALSHA`, and where the server does not know the script (a restart, a
 *   failover, `SCRIPT FLUSH`) once more with its source. `NOSCRIPT` says that
 *   nothing ran.
 * - Each call ends within its deadline, whatever the client's own settings: it
 *   is repeated while connections break, then it is a `RedisTimeoutError`.
 * - A repeated call carries the same operation id, and every script says in
 *   its header why that changes nothing.
 * - A call that is over for its caller is over for the server: it refuses one
 *   that comes after its deadline. That takes the server's clock, which the
 *   first call learns from such a refusal; a later refusal teaches it anew.
 */
export class ScriptRunner {
  readonly #adapter: RedisAdapter
  readonly #timeoutMs: number
  readonly #durability: Durability | undefined
  readonly #deadlines = new Deadlines()
  /** The server's time less `performance.now()`, in ms, once it is known. */
  #serverClock: number | undefined

  /** @throws RedisOptionsError that names the option. */
  constructor(adapter: RedisAdapter, options: RunnerOptions = {}) {
    const { callTimeoutMs, durability } = resolveRunnerOptions(options)
    this.#adapter = adapter
    this.#timeoutMs = callTimeoutMs
    this.#durability = durability
  }

  /**
   * @throws RedisArgumentError for an argument that is not a string or number.
   * @throws RedisTimeoutError if there is no answer before the deadline.
   * @throws RedisClosedError if the connection was closed for good.
   * @throws RedisNotReplicatedError for a durable script, where replicas have
   *   to confirm it and did not.
   * @throws RedisWrongTypeError, RedisOutOfMemoryError, RedisReadOnlyError or
   *   RedisReplyError for an error reply.
   */
  async run<Key extends string, Arg extends string, Result>(
    script: Script<Key, Arg, Result>,
    call: ScriptCall<Key, Arg>,
    { timeoutMs = this.#timeoutMs }: CallOptions = {}
  ): Promise<Result> {
    const prepared = prepare(script, call)
    const reply = await this.#untilAnswered(
      script.name,
      prepared.keys,
      Math.min(timeoutMs, this.#timeoutMs),
      (deadline) => this.#evaluate(script, prepared, deadline)
    )
    return script.parse(reply)
  }

  /** Sends one command that only reads; otherwise like {@link run}. */
  async send(...args: RedisCommand['args']): Promise<RedisReply> {
    const key = args[1] ?? null
    return this.#untilAnswered(args[0], keysOf(args), this.#timeoutMs, () =>
      this.#adapter.send({ key, args })
    )
  }

  /**
   * Sends commands that only read in one write; otherwise like {@link run}.
   * The first error of any is thrown.
   */
  async sendAll(
    commands: ReadonlyArray<RedisCommand['args']>
  ): Promise<RedisReply[]> {
    const what = [...new Set(commands.map(([name]) => name))].join(', ')
    const keys = commands.flatMap(keysOf)
    const sent = commands.map((args) => ({ key: args[1] ?? null, args }))
    return this.#untilAnswered(what, keys, this.#timeoutMs, async () => {
      const replies = await this.#adapter.sendAll(sent)
      for (const [i, command] of sent.entries()) {
        // By itself it is followed to where its slot is now.
        if (isRedirect(replies[i])) {
          replies[i] = await this.#adapter.send(command)
        }
      }
      return replies.map(valueOf)
    })
  }

  /** Makes the attempt until it succeeds, fails for good, or time is up. */
  async #untilAnswered<T>(
    what: string,
    keys: readonly string[],
    timeoutMs: number,
    attempt: (deadline: number) => Promise<T>
  ): Promise<T> {
    const deadline = performance.now() + timeoutMs
    let problem: unknown
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
      try {
        return await this.#deadlines.race(deadline, attempt(deadline))
      } catch (error) {
        if (!(error instanceof DeadlinePassed)) {
          if (!mayRepeat(error)) throw explain(error, what, keys)
          problem = error
          if (await pause(pauseMs, deadline)) continue
        }
        throw timeoutError(what, keys, timeoutMs, problem)
      }
    }
  }

  async #evaluate(
    script: Script,
    call: PreparedCall,
    deadline: number
  ): Promise<RedisReply> {
    for (;;) {
      const clock = this.#serverClock
      const serverDeadline =
        clock === undefined ? 0 : Math.floor(clock + deadline)
      const reply = await this.#evaluateOnce(
        script,
        call.durable,
        [String(call.keys.length)].concat(call.keys, call.args, [
          String(serverDeadline),
          call.operation,
        ])
      )
      const serverTime = expiredAt(reply)
      if (serverTime === undefined) return reply
      this.#serverClock = serverTime - performance.now()
      if (performance.now() >= deadline) throw new DeadlinePassed()
    }
  }

  async #evaluateOnce(
    script: Script,
    durable: boolean,
    tail: readonly string[]
  ): Promise<RedisReply> {
    try {
      return await this.#sendScript(durable, ['EVALSHA', script.sha, ...tail])
    } catch (error) {
      if (!isNoScript(error)) throw error
      return await this.#sendScript(durable, ['EVAL', script.source, ...tail])
    }
  }

  #sendScript(
    durable: boolean,
    args: RedisCommand['args']
  ): Promise<RedisReply> {
    const key = args[3] ?? null
    return durable && this.#durability
      ? this.#sendAndWait(key, args, this.#durability)
      : this.#adapter.send({ key, args })
  }

  async #sendAndWait(
    key: string | null,
    args: RedisCommand['args'],
    { replicas, timeoutMs }: Durability
  ): Promise<RedisReply> {
    // WAIT is about what its own connection did, so it goes along in one write.
    const commands: RedisCommand[] = [
      { key, args },
      ...propagation(key, this.#adapter.topology),
      { key, args: ['WAIT', String(replicas), String(timeoutMs)] },
    ]
    let replies = await this.#adapter.sendAll(commands)
    if (isRedirect(replies.find(isError))) {
      // By itself it is followed, and the client learns where the slot is.
      await this.#adapter.send({ key, args })
      replies = await this.#adapter.sendAll(commands)
    }
    const failure = replies.find(isError)
    if (isRedirect(failure)) {
      throw new RedisNotReplicatedError(
        `'${key}' was written, but its slot is moving to another node: no ` +
          'replica confirmed it'
      )
    }
    if (failure) throw failure
    const value = valueOf(replies[0])
    const count = Number(replies.at(-1))
    if (count >= replicas || expiredAt(value) !== undefined) return value
    throw new RedisNotReplicatedError(
      `'${key}' was written, but ${count} of ${replicas} replicas confirmed ` +
        `it within ${timeoutMs} ms`
    )
  }
}

interface PreparedCall {
  readonly keys: readonly string[]
  readonly args: readonly string[]
  readonly operation: string
  readonly durable: boolean
}

function prepare(
  script: Script,
  call: ScriptCall<string, string>
): PreparedCall {
  const args = script.args.map((name) =>
    checked(script, 'argument', name, call.args[name])
  )
  const { rest = [], moreKeys = [] } = call
  for (let i = 0; i < rest.length; i++) {
    args.push(checked(script, 'further argument', i, rest[i]))
  }
  const keys = script.keys.map((name) =>
    checked(script, 'key', name, call.keys[name])
  )
  return {
    keys: moreKeys.length === 0 ? keys : keys.concat(moreKeys),
    args,
    operation: call.operation ?? randomToken(),
    durable: call.durable ?? script.durable,
  }
}

/**
 * node-redis throws on `undefined` and on numbers where ioredis would write an
 * empty string: neither gets to see one.
 */
function checked(
  script: Script,
  kind: string,
  name: string | number,
  value: unknown
): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  throw new RedisArgumentError(
    `Script '${script.name}': ${kind} '${name}' must be a string or a number, ` +
      `not ${String(value)}`
  )
}

/** The server's time, if this says that the call came too late. */
function expiredAt(reply: RedisReply): number | undefined {
  if (!Array.isArray(reply) || reply[0] !== 'expired') return undefined
  return Number(reply[1])
}

/** What gives a WAIT behind it something to wait for. */
function propagation(
  key: string | null,
  topology: RedisAdapter['topology']
): RedisCommand[] {
  const scratch = key === null ? undefined : scratchKey(key, topology)
  if (scratch === undefined) return []
  return [{ key, args: ['EVAL', PROPAGATE, '1', scratch] }]
}

function isError(reply: RedisReply | Error): reply is Error {
  return reply instanceof Error
}

function valueOf(reply: RedisReply | Error | undefined): RedisReply {
  if (reply instanceof Error) throw reply
  return reply ?? null
}

function keysOf(args: RedisCommand['args']): string[] {
  return args[1] === undefined ? [] : [args[1]]
}

/** Gives or takes a tenth; whether there is time for it before the deadline. */
async function pause(ms: number, deadline: number): Promise<boolean> {
  const jittered = Math.min(ms, LONGEST_PAUSE_MS) * (0.9 + Math.random() * 0.2)
  if (performance.now() + jittered >= deadline) return false
  await delay(jittered)
  return true
}

function timeoutError(
  what: string,
  keys: readonly string[],
  timeoutMs: number,
  problem: unknown
): RedisTimeoutError {
  const last = problem instanceof Error ? `: ${problem.message}` : ''
  return new RedisTimeoutError(
    `${what}${listed(keys)}: no answer within ${Math.ceil(timeoutMs)} ms${last}`,
    { cause: problem }
  )
}
