import type { RedisAdapter } from '../adapter.js'
import { oneSlotPrefix, requiredName } from './key-parts.js'

/**
 * The keys of agents' threads and runs. `thread`, `threads`, `messages`, `run`,
 * `thread-runs` and `agent-threads` are those of 0.12; the others are indexes,
 * and what 0.12 has not.
 *
 * One script touches a thread, its runs and the indexes, so on a cluster all
 * keys of a prefix are in one slot. Workflows have a `{prefix}:run:{runId}`,
 * too: a prefix is theirs or the agents', never both.
 */
export class AgentKeys {
  readonly prefix: string
  /** Zset of all threads' ids, by the time of their last change. */
  readonly threads: string
  /** What of `threads` is in the indexes below, with the same scores. */
  readonly listed: string
  /** Zset of `{resourceId}\0\0{updatedAt}:{threadId}`, ordered as text. */
  readonly byOwner: string
  /** Zset of `{agentName}\0\0{updatedAt}:{threadId}`, ordered as text. */
  readonly byAgent: string
  /** Hash: for each agent, how many of its set's threads are in `byAgent`. */
  readonly agents: string
  /** Zset of `{toolCallId}\0\0{when, in us}:{runId}`, ordered as text. */
  readonly approvals: string

  /** @throws RedisOptionsError */
  constructor(prefix: string, topology: RedisAdapter['topology']) {
    this.prefix = oneSlotPrefix(prefix, topology)
    this.threads = `${this.prefix}:threads`
    this.listed = `${this.prefix}:threads-listed`
    this.byOwner = `${this.prefix}:threads-by-owner`
    this.byAgent = `${this.prefix}:threads-by-agent`
    this.agents = `${this.prefix}:agents`
    this.approvals = `${this.prefix}:approvals`
  }

  threadKey(threadId: string): string {
    return `${this.prefix}:thread:${requiredName('A thread id', threadId)}`
  }

  /** Hash: under which owner and which agents the thread is in the indexes. */
  threadListingKey(threadId: string): string {
    return `${this.prefix}:thread-listing:${requiredName('A thread id', threadId)}`
  }

  messagesKey(threadId: string): string {
    return `${this.prefix}:messages:${requiredName('A thread id', threadId)}`
  }

  /** Hash: where each message of the thread is. */
  messageIdsKey(threadId: string): string {
    return `${this.prefix}:message-ids:${requiredName('A thread id', threadId)}`
  }

  threadRunsKey(threadId: string): string {
    return `${this.prefix}:thread-runs:${requiredName('A thread id', threadId)}`
  }

  agentThreadsKey(agentName: string): string {
    return `${this.prefix}:agent-threads:${requiredName('An agent name', agentName)}`
  }

  threadMemoryKey(threadId: string): string {
    return `${this.prefix}:memory:thread:${requiredName('A thread id', threadId)}`
  }

  resourceMemoryKey(resourceId: string): string {
    return `${this.prefix}:memory:resource:${requiredName('A resource id', resourceId)}`
  }

  /** Hash of a run, its approvals and its scores. */
  runKey(runId: string): string {
    return `${this.prefix}:run:${requiredName('A run id', runId)}`
  }

  /** The keys of every script that moves a thread in the indexes. */
  threadScriptKeys(threadId: string): Record<ThreadScriptKey, string> {
    const { threads, listed, byOwner, byAgent, agents } = this
    const thread = this.threadKey(threadId)
    const listing = this.threadListingKey(threadId)
    return { thread, threads, listed, byOwner, byAgent, agents, listing }
  }
}

/** In this order: `lib/threads.lua` knows them by their places. */
export const threadScriptKeys = [
  'thread',
  'threads',
  'listed',
  'byOwner',
  'byAgent',
  'agents',
  'listing',
] as const

type ThreadScriptKey = (typeof threadScriptKeys)[number]
