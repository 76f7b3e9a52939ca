import type { AgentThread } from '@pikku/core/agent'
import {
  agentScripts,
  RedisCorruptDataError,
  type RedisReply,
  RedisThreadExistsError,
  requiredName,
} from '@pikku/redis-core'
import { randomUUID } from 'node:crypto'
import { required, requiredDate, toFields } from '../common/hash.js'
import { decodeJson } from '../common/json.js'
import type { AgentContext } from './agent-context.js'

export interface NewThread {
  threadId?: string
  title?: string
  metadata?: Record<string, unknown>
}

/** What changes each time is no race, but an id that cannot be named. */
const MOST_TRIES = 100

/** Threads: one hash each, in the indexes of {@link ThreadIndex}. */
export class ThreadStore {
  readonly #context: AgentContext

  constructor(context: AgentContext) {
    this.#context = context
  }

  /** @throws RedisThreadExistsError for a thread of another resource. */
  async create(
    resourceId: string,
    { threadId = randomUUID(), title, metadata }: NewThread = {}
  ): Promise<AgentThread> {
    const { runner, keys, encode } = this.#context
    const key = keys.threadKey(threadId)
    const { code, detail } = await runner.run(agentScripts.createThread, {
      keys: {
        ...keys.threadScriptKeys(threadId),
        messageIds: keys.messageIdsKey(threadId),
      },
      args: {
        threadId,
        resourceId: requiredName('A resource id', resourceId),
        title: title ?? '',
        metadata:
          metadata === null
            ? ''
            : encode(metadata, `The metadata of thread '${threadId}'`),
      },
    })
    if (code === 'exists') throw new RedisThreadExistsError(threadId)
    return threadFromFields(toFields(detail), key)
  }

  async get(threadId: string): Promise<AgentThread | null> {
    const { runner, keys } = this.#context
    const key = keys.threadKey(threadId)
    return threadFromReply(await runner.send('HGETALL', key), key)
  }

  /**
   * Deletes a thread with all that belongs to it, in one script that is given
   * the keys of all its runs. A run that is added between the read of their ids
   * and the script is seen by it, and the ids are read again. A crash leaves
   * all of the thread or none.
   *
   * @throws RedisCorruptDataError if its runs cannot be named.
   */
  async delete(threadId: string): Promise<boolean> {
    const { runner, keys } = this.#context
    const threadRuns = keys.threadRunsKey(threadId)
    const listing = keys.threadListingKey(threadId)
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const [foundRuns, foundListing] = await runner.sendAll([
        ['ZRANGE', threadRuns, '0', '-1'],
        ['HGETALL', listing],
      ])
      const runs = texts(foundRuns)
      const agents = await this.#agentsOf(runs, toFields(foundListing ?? null))
      const { code } = await runner.run(agentScripts.deleteThread, {
        keys: {
          ...keys.threadScriptKeys(threadId),
          messages: keys.messagesKey(threadId),
          messageIds: keys.messageIdsKey(threadId),
          threadRuns,
          memory: keys.threadMemoryKey(threadId),
          approvals: keys.approvals,
        },
        args: { threadId, runs: runs.length },
        rest: [...runs, ...agents],
        moreKeys: [
          ...runs.map((run) => keys.runKey(run)),
          ...agents.map((agent) => keys.agentThreadsKey(agent)),
        ],
      })
      if (code !== 'changed') return code === 'ok'
    }
    throw new RedisCorruptDataError(
      threadRuns,
      'members',
      'one is no run id, or runs are added faster than they can be read'
    )
  }

  /** Those of the runs, too: others write no listing. */
  async #agentsOf(
    runs: readonly string[],
    listing: ReadonlyMap<string, string>
  ): Promise<string[]> {
    const { runner, keys } = this.#context
    const listed = [...listing.keys()]
      .filter((field) => field.startsWith('agent:'))
      .map((field) => field.slice('agent:'.length))
    const replies = await runner.sendAll(
      runs.map((run) => ['HGET', keys.runKey(run), 'agentName'] as const)
    )
    return [...new Set([...listed, ...texts(replies)])]
  }
}

/** A thread as HGETALL gives it; null if it is not there. */
export function threadFromReply(
  reply: RedisReply | undefined,
  key: string
): AgentThread | null {
  const fields = toFields(reply ?? null)
  return fields.get('id') ? threadFromFields(fields, key) : null
}

function threadFromFields(
  fields: ReadonlyMap<string, string>,
  key: string
): AgentThread {
  return {
    id: required(fields, key, 'id'),
    resourceId: required(fields, key, 'resourceId'),
    title: fields.get('title') || undefined,
    metadata: decodeJson(fields.get('metadata'), key, 'metadata'),
    createdAt: requiredDate(fields.get('createdAt'), key, 'createdAt'),
    updatedAt: requiredDate(fields.get('updatedAt'), key, 'updatedAt'),
  }
}

/** The texts of a list, without what is missing or empty. */
export function texts(reply: RedisReply | undefined): string[] {
  return Array.isArray(reply) ? reply.filter(Boolean).map(String) : []
}
