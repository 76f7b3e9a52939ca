import { writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import type { RedisAdapter, RedisCommand, RedisReply } from '@pikku/redis-core'

/**
 * Counts the points at which a process may die, and kills it at one of them:
 * `SIGKILL`, so that nothing is tidied up.
 */
export class Fuse {
  #left = Number.POSITIVE_INFINITY

  /** @param point How many more points are survived. */
  light(point: number): void {
    this.#left = point
  }

  reach(what: string): void {
    if (this.#left-- > 0) return
    writeSync(1, `${JSON.stringify({ dies: what })}\n`)
    process.kill(process.pid, 'SIGKILL')
  }
}

/**
 * An adapter whose process may die before a call is sent, when it was sent and
 * nobody knows whether it ran, and when it ran and its reply was not yet used.
 */
export class FusedAdapter implements RedisAdapter {
  readonly topology: RedisAdapter['topology']
  readonly #adapter: RedisAdapter
  readonly #fuse: Fuse

  constructor(adapter: RedisAdapter, fuse: Fuse) {
    this.#adapter = adapter
    this.#fuse = fuse
    this.topology = adapter.topology
  }

  get client(): unknown {
    return this.#adapter.client
  }

  open(): Promise<void> {
    return this.#adapter.open()
  }

  close(): Promise<void> {
    return this.#adapter.close()
  }

  send(command: RedisCommand): Promise<RedisReply> {
    return this.#around(command, () => this.#adapter.send(command))
  }

  sendAll(
    commands: readonly RedisCommand[]
  ): Promise<Array<RedisReply | Error>> {
    return this.#around(commands[0]!, () => this.#adapter.sendAll(commands))
  }

  subscribe(
    ...args: Parameters<RedisAdapter['subscribe']>
  ): ReturnType<RedisAdapter['subscribe']> {
    return this.#adapter.subscribe(...args)
  }

  async #around<T>(
    { args, key }: RedisCommand,
    call: () => Promise<T>
  ): Promise<T> {
    const what = `${args[0]} ${key}`
    this.#fuse.reach(`before ${what}`)
    const reply = call()
    reply.catch(() => {})
    await setImmediate()
    this.#fuse.reach(`during ${what}`)
    const value = await reply
    this.#fuse.reach(`after ${what}`)
    return value
  }
}
