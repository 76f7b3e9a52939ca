import {
  agentScripts,
  RedisArgumentError,
  RedisCorruptDataError,
  RedisThreadNotFoundError,
} from '@pikku/redis-core'
import { decodeJson } from '../common/json.js'
import type { AgentContext } from './agent-context.js'

export type MemoryScope = 'resource' | 'thread'

/** Working memories: a string of JSON for each thread and each resource. */
export class MemoryStore {
  readonly #context: AgentContext

  constructor(context: AgentContext) {
    this.#context = context
  }

  async get(
    id: string,
    scope: MemoryScope
  ): Promise<Record<string, unknown> | null> {
    const key = this.#key(id, scope)
    const text = await this.#context.runner.send('GET', key)
    if (text === null) return null
    const data = decodeJson<Record<string, unknown>>(String(text), key, 'value')
    if (typeof data !== 'object' || data === null) {
      throw new RedisCorruptDataError(key, 'value', 'it is no working memory')
    }
    return data
  }

  /** @throws RedisThreadNotFoundError for a thread's; nothing was written. */
  async save(
    id: string,
    scope: MemoryScope,
    data: Record<string, unknown>
  ): Promise<void> {
    const { runner, keys, encode } = this.#context
    const memory = this.#key(id, scope)
    const what = `The working memory of ${scope} '${id}'`
    if (typeof data !== 'object' || data === null) {
      throw new RedisArgumentError(`${what} must be an object`)
    }
    const { code } = await runner.run(agentScripts.saveMemory, {
      keys: {
        memory,
        thread: scope === 'thread' ? keys.threadKey(id) : memory,
      },
      args: { value: encode(data, what), scope },
    })
    if (code === 'no-thread') throw new RedisThreadNotFoundError(id)
  }

  #key(id: string, scope: MemoryScope): string {
    const { keys } = this.#context
    if (scope === 'thread') return keys.threadMemoryKey(id)
    if (scope === 'resource') return keys.resourceMemoryKey(id)
    throw new RedisArgumentError(
      `A scope is 'resource' or 'thread', not '${String(scope)}'`
    )
  }
}
