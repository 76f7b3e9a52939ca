import type { AgentMessage } from '@pikku/core/agent'
import {
  agentScripts,
  RedisArgumentError,
  RedisCorruptDataError,
  RedisThreadNotFoundError,
  requiredName,
} from '@pikku/redis-core'
import { decodeJson } from '../common/json.js'
import { type AgentContext, timeOf, wholeArgument } from './agent-context.js'

export interface GetMessagesOptions {
  /** The newest of them. @default all; 50 with a cursor */
  lastN?: number
  /** The id of a message: those before it. */
  cursor?: string
}

const LARGEST_PAGE = 1_000_000

/**
 * The messages of threads: one zset each, by createdAt, those of one
 * millisecond in the order in which they were saved.
 */
export class MessageStore {
  readonly #context: AgentContext

  constructor(context: AgentContext) {
    this.#context = context
  }

  /** @throws RedisThreadNotFoundError; nothing was written. */
  async save(
    threadId: string,
    messages: readonly AgentMessage[]
  ): Promise<void> {
    const { runner, keys, encode } = this.#context
    const rest = messages.flatMap((message, i) => {
      const what = `Message ${i} of thread '${threadId}'`
      if (typeof message !== 'object' || message === null) {
        throw new RedisArgumentError(`${what} must be an object`)
      }
      const id = requiredName(`The id of ${what}`, message.id)
      const created = timeOf(message.createdAt, `The createdAt of ${what}`)
      return [id, String(created), encode(message, what)]
    })
    const threadKeys = keys.threadScriptKeys(threadId)
    if (messages.length === 0) return
    const { code } = await runner.run(agentScripts.saveMessages, {
      keys: {
        ...threadKeys,
        messages: keys.messagesKey(threadId),
        messageIds: keys.messageIdsKey(threadId),
      },
      args: { threadId },
      rest,
    })
    if (code === 'no-thread') throw new RedisThreadNotFoundError(threadId)
  }

  /** @throws RedisArgumentError for a cursor that is no message of the thread. */
  async get(
    threadId: string,
    { cursor, lastN }: GetMessagesOptions = {}
  ): Promise<AgentMessage[]> {
    const key = this.#context.keys.messagesKey(threadId)
    if (lastN !== undefined) wholeArgument('lastN', lastN, LARGEST_PAGE)
    if (cursor) return this.#before(threadId, cursor, lastN ?? 50)
    return lastN === 0 ? [] : this.#newest(key, lastN)
  }

  async #newest(key: string, count?: number): Promise<AgentMessage[]> {
    const first = count === undefined ? '0' : String(-count)
    const found = await this.#context.runner.send('ZRANGE', key, first, '-1')
    return messagesOf(Array.isArray(found) ? found.map(String) : [], key)
  }

  async #before(
    threadId: string,
    cursor: string,
    limit: number
  ): Promise<AgentMessage[]> {
    const { runner, keys } = this.#context
    const key = keys.messagesKey(threadId)
    const { code, detail } = await runner.run(agentScripts.pageMessages, {
      keys: { messages: key, messageIds: keys.messageIdsKey(threadId) },
      args: { cursor: requiredName('A cursor', cursor), limit },
    })
    if (code === 'ok') return messagesOf(detail, key)
    // Others keep no note of where a message is.
    const all = await this.#newest(key)
    const place = all.findIndex(({ id }) => id === cursor)
    if (place < 0) {
      throw new RedisArgumentError(
        `The cursor '${cursor}' is no message of thread '${threadId}'`
      )
    }
    return all.slice(Math.max(0, place - limit), place)
  }
}

function messagesOf(found: readonly string[], key: string): AgentMessage[] {
  return found.map((text, i) => {
    const message = decodeJson<AgentMessage>(text, key, `message ${i}`)
    if (typeof message !== 'object' || message === null) {
      throw new RedisCorruptDataError(key, `message ${i}`, 'it is no message')
    }
    const createdAt = new Date(message.createdAt)
    if (Number.isNaN(createdAt.getTime())) {
      const field = `createdAt of message ${i}`
      throw new RedisCorruptDataError(key, field, 'it is no time')
    }
    return { ...message, createdAt }
  })
}
