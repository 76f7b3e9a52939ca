import type {
  AgentMessage,
  AgentRunRow,
  AgentRunService,
  AgentThread,
} from '@pikku/core/agent'
import type { RedisAdapter } from '@pikku/redis-core'
import { MessageStore } from './message-store.js'
import {
  RedisAgentService,
  type RedisAgentServiceOptions,
} from './redis-agent-service.js'
import { AgentRunStore } from './run-store.js'
import { type ListThreadsOptions, ThreadIndex } from './thread-index.js'
import { ThreadStore } from './thread-store.js'

/**
 * Finds, shows and deletes agents' threads, which `RedisAgentStorageService`
 * writes, or an application in the format of 0.12.
 *
 * Concurrency: a page is of one moment, less the threads deleted since; each
 * thread on it is as it was when it was read. `deleteThread` is one script that
 * removes all or nothing; what is written to the thread concurrently is either
 * removed with it or refused.
 *
 * Crash: between any two calls to Redis only reads have been made, or threads
 * of others adopted into the indexes, one by one; that goes on at the next page.
 */
export abstract class BaseRedisAgentRunService
  extends RedisAgentService
  implements AgentRunService
{
  readonly #threads: ThreadStore
  readonly #index: ThreadIndex
  readonly #messages: MessageStore
  readonly #runs: AgentRunStore

  protected constructor(
    adapter: RedisAdapter,
    given?: RedisAgentServiceOptions | string
  ) {
    super(adapter, given)
    const { context } = this
    this.#threads = new ThreadStore(context)
    this.#index = new ThreadIndex(context)
    this.#messages = new MessageStore(context)
    this.#runs = new AgentRunStore(context)
  }

  /**
   * Threads that every filter lets through, newest change first.
   *
   * `owners` is a boundary: with an empty list there is nothing, and a thread
   * is given only if its own resource id is an owner or begins with `{owner}:`.
   * An empty `agentName` or `resourceId` is no filter, as in 0.12.
   *
   * Two round trips. A page of all, of a resource or of an agent costs the same
   * at any offset; one of owners costs as much as they have threads.
   *
   * @param options `limit` up to 10 000, 50 if nothing is said.
   * @throws RedisArgumentError for an option that is none.
   */
  async listThreads(options?: ListThreadsOptions): Promise<AgentThread[]> {
    return this.#index.page(options)
  }

  /** @throws RedisCorruptDataError */
  async getThread(threadId: string): Promise<AgentThread | null> {
    return this.#threads.get(threadId)
  }

  /** All messages, oldest first. */
  async getThreadMessages(threadId: string): Promise<AgentMessage[]> {
    return this.#messages.get(threadId)
  }

  /** All runs, newest first, in two round trips. */
  async getThreadRuns(threadId: string): Promise<AgentRunRow[]> {
    return this.#runs.rowsOfThread(threadId)
  }

  /**
   * Deletes a thread with its messages, runs, scores, approvals, working memory
   * and entries of the indexes, in one script after two reads. `true` if there
   * was one.
   */
  async deleteThread(threadId: string): Promise<boolean> {
    return this.#threads.delete(threadId)
  }

  /** The agents that have a thread, sorted. */
  async getDistinctAgentNames(): Promise<string[]> {
    return this.#index.agentNames()
  }

  /**
   * Compares all threads with the indexes. Pages do so by themselves when
   * somebody else added or removed threads; this is for who changes the time of
   * a thread by hand, or adds as many as go before a page is read.
   */
  async reindex(): Promise<void> {
    await this.#index.reindex()
  }
}
