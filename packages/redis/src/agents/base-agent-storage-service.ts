import type {
  AgentMessage,
  AgentRunState,
  AgentThread,
  PendingApproval,
} from '@pikku/core/agent'
import type {
  AgentRunStateService,
  AgentStorageService,
} from '@pikku/core/services'
import { type RedisAdapter, RedisThreadNotFoundError } from '@pikku/redis-core'
import { ApprovalStore } from './approval-store.js'
import { type MemoryScope, MemoryStore } from './memory-store.js'
import { type GetMessagesOptions, MessageStore } from './message-store.js'
import {
  RedisAgentService,
  type RedisAgentServiceOptions,
} from './redis-agent-service.js'
import { AgentRunStore, type NewAgentRun } from './run-store.js'
import { type AgentRunScore, type NewScore, ScoreStore } from './score-store.js'
import { ThreadIndex } from './thread-index.js'
import { type NewThread, ThreadStore } from './thread-store.js'

/**
 * What agents remember and do: threads, messages, working memory, runs with
 * their approvals, scores. Each write is one script.
 *
 * Concurrency: messages of concurrent calls keep the order of their `createdAt`,
 * and within a millisecond that of saving. Updates of different fields of a run
 * both stay; of one field the last one does. An approval is decided once. A
 * write to a thread that somebody deletes comes before and goes with it, or is
 * refused: nothing is written to what is not there.
 *
 * Crash: a call leaves all of its write or none. `deleteThread` and
 * `resolveApproval` read before their script, which checks what they read.
 */
export abstract class BaseRedisAgentStorageService
  extends RedisAgentService
  implements AgentStorageService, AgentRunStateService
{
  readonly #threads: ThreadStore
  readonly #index: ThreadIndex
  readonly #messages: MessageStore
  readonly #memory: MemoryStore
  readonly #runs: AgentRunStore
  readonly #approvals: ApprovalStore
  readonly #scores: ScoreStore

  protected constructor(
    adapter: RedisAdapter,
    given?: RedisAgentServiceOptions | string
  ) {
    super(adapter, given)
    const { context } = this
    this.#threads = new ThreadStore(context)
    this.#index = new ThreadIndex(context)
    this.#messages = new MessageStore(context)
    this.#memory = new MemoryStore(context)
    this.#runs = new AgentRunStore(context)
    this.#approvals = new ApprovalStore(context)
    this.#scores = new ScoreStore(context)
  }

  /**
   * Makes a thread. One of that id that the same resource has is given as it
   * is: two first messages at once make one thread.
   *
   * @throws RedisThreadExistsError if another resource has it.
   */
  async createThread(
    resourceId: string,
    options?: NewThread
  ): Promise<AgentThread> {
    return this.#threads.create(resourceId, options)
  }

  /** @throws RedisThreadNotFoundError */
  async getThread(threadId: string): Promise<AgentThread> {
    const thread = await this.#threads.get(threadId)
    if (!thread) throw new RedisThreadNotFoundError(threadId)
    return thread
  }

  /** The threads of exactly this resource, newest change first. */
  async getThreads(resourceId: string): Promise<AgentThread[]> {
    return resourceId === '' ? [] : this.#index.allOf(resourceId)
  }

  /** Deletes a thread with all that belongs to it, if there is one. */
  async deleteThread(threadId: string): Promise<void> {
    await this.#threads.delete(threadId)
  }

  /**
   * Messages, oldest first: the last `lastN` of all, or of those before the
   * message `cursor` (50 if nothing is said). `lastN: 0` is none.
   *
   * @throws RedisArgumentError for a cursor that is no message of the thread.
   */
  async getMessages(
    threadId: string,
    options?: GetMessagesOptions
  ): Promise<AgentMessage[]> {
    return this.#messages.get(threadId, options)
  }

  /**
   * Saves all of the messages or none, and moves the thread's `updatedAt`. A
   * message whose id the thread has takes the place of that one.
   *
   * @throws RedisThreadNotFoundError, RedisArgumentError,
   *   RedisSerializationError, RedisValueTooLargeError; nothing was written.
   */
  async saveMessages(
    threadId: string,
    messages: AgentMessage[]
  ): Promise<void> {
    await this.#messages.save(threadId, messages)
  }

  /** @throws RedisCorruptDataError */
  async getWorkingMemory(
    id: string,
    scope: MemoryScope
  ): Promise<Record<string, unknown> | null> {
    return this.#memory.get(id, scope)
  }

  /** @throws RedisThreadNotFoundError for a thread's that does not exist. */
  async saveWorkingMemory(
    id: string,
    scope: MemoryScope,
    data: Record<string, unknown>
  ): Promise<void> {
    await this.#memory.save(id, scope, data)
  }

  /**
   * Makes a run of a thread that is in this storage: an agent whose threads are
   * kept elsewhere, or nowhere, needs its runs elsewhere, too.
   *
   * @throws RedisThreadNotFoundError; nothing was written.
   */
  async createRun(run: NewAgentRun): Promise<string> {
    return this.#runs.create(run)
  }

  /**
   * Changes the fields that are given, and `updatedAt`. `pendingApprovals`
   * replaces what is pending; without a `suspendReason` it brings back nothing
   * that has been decided, since the list may have been read before. An optional
   * field that is there and undefined is cleared. What a run is (`runId`,
   * `threadId`, `agentName`, `resourceId`, `createdAt`) stays.
   *
   * The last status stays, whichever it is: the engine takes a run that failed
   * up again when a further approval comes. A run that does not exist is left
   * so, without an error: the engine calls this while it handles another one,
   * before it tells the user.
   */
  async updateRun(
    runId: string,
    updates: Partial<AgentRunState>
  ): Promise<void> {
    await this.#runs.update(runId, updates)
  }

  /** @throws RedisCorruptDataError */
  async getRun(runId: string): Promise<AgentRunState | null> {
    this.#approvals.noteRead(runId)
    return this.#runs.get(runId)
  }

  /** All runs of the thread, newest first, in two round trips. */
  async getRunsByThread(threadId: string): Promise<AgentRunState[]> {
    return this.#runs.ofThread(threadId)
  }

  /**
   * Decides an approval: takes it from what is pending and records the
   * decision. `true` for exactly one of all callers.
   *
   * Several runs can wait under one id: a sub-agent's and its parent's, or two
   * whose models number their calls. Each is decided once: the run that the
   * caller read last with {@link getRun}, as the engine does; for a caller that
   * read none, the one that asked last. What is denied for a parent is denied
   * for its sub-agents' runs with it.
   */
  async resolveApproval(
    toolCallId: string,
    status: 'approved' | 'denied'
  ): Promise<boolean> {
    return this.#approvals.resolve(toolCallId, status)
  }

  /** The run that asked last. */
  async findRunByToolCallId(
    toolCallId: string
  ): Promise<{ run: AgentRunState; approval: PendingApproval } | null> {
    return this.#approvals.find(toolCallId)
  }

  /**
   * Adds a grade, with the server's time.
   *
   * @throws RedisAgentRunNotFoundError; nothing was written.
   */
  async saveScore(score: NewScore): Promise<void> {
    await this.#scores.save(score)
  }

  /** In the order in which they were saved. */
  async getScores(runId: string): Promise<AgentRunScore[]> {
    return this.#scores.get(runId)
  }
}
