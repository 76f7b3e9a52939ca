import type { AgentRunRow, AgentRunState } from '@pikku/core/agent'
import type { AgentRunStateService } from '@pikku/core/services'
import {
  agentScripts,
  type RedisReply,
  RedisThreadNotFoundError,
  requiredName,
} from '@pikku/redis-core'
import { randomUUID } from 'node:crypto'
import { toFields } from '../common/hash.js'
import { type AgentContext, timeOf } from './agent-context.js'
import { encodeApprovals } from './approval-fields.js'
import {
  RUN_FIELDS,
  runChange,
  runRowFromFields,
  runStateFromFields,
} from './run-fields.js'
import { texts } from './thread-store.js'

export type NewAgentRun = Parameters<AgentRunStateService['createRun']>[0]

/** Runs: one hash each, and an index for each thread. */
export class AgentRunStore {
  readonly #context: AgentContext

  constructor(context: AgentContext) {
    this.#context = context
  }

  /** @throws RedisThreadNotFoundError; nothing was written. */
  async create(run: NewAgentRun): Promise<string> {
    const { runner, keys, encode } = this.#context
    const runId = randomUUID()
    const what = `run '${runId}'`
    const { threadId, agentName, resourceId } = run
    const createdAt = timeOf(run.createdAt, `The createdAt of ${what}`)
    const updatedAt = timeOf(run.updatedAt, `The updatedAt of ${what}`)
    const fields = Object.entries({
      runId,
      threadId,
      agentName,
      resourceId: requiredName('A resource id', resourceId),
      status: requiredName(`The status of ${what}`, run.status),
      createdAt: String(createdAt),
      updatedAt: String(updatedAt),
    }).flat()
    fields.push(...runChange(run, what, encode).set)
    const { code } = await runner.run(agentScripts.createAgentRun, {
      keys: {
        ...keys.threadScriptKeys(threadId),
        run: keys.runKey(runId),
        threadRuns: keys.threadRunsKey(threadId),
        agentThreads: keys.agentThreadsKey(agentName),
        approvals: keys.approvals,
      },
      args: { threadId, runId, agentName, createdAt, fields: fields.length },
      rest: [...fields, ...encodeApprovals(run.pendingApprovals ?? [], encode)],
    })
    if (code === 'no-thread') throw new RedisThreadNotFoundError(threadId)
    return runId
  }

  /** Does nothing if there is no such run. */
  async update(runId: string, updates: Partial<AgentRunState>): Promise<void> {
    const { runner, keys, encode } = this.#context
    const { set, clear } = runChange(updates, `run '${runId}'`, encode)
    const replace = 'pendingApprovals' in updates
    const approvals = replace
      ? encodeApprovals(updates.pendingApprovals ?? [], encode)
      : []
    await runner.run(agentScripts.updateAgentRun, {
      keys: { run: keys.runKey(runId), approvals: keys.approvals },
      args: {
        runId,
        fields: set.length,
        cleared: clear.length,
        // Who suspends a run says why; who only leaves some out does not, and
        // may have read the list before somebody decided one.
        replace: !replace ? '' : updates.suspendReason ? 'asked' : 'left',
      },
      rest: [...set, ...clear, ...approvals],
    })
  }

  async get(runId: string): Promise<AgentRunState | null> {
    const { runner, keys } = this.#context
    const key = keys.runKey(runId)
    return runStateFromFields(toFields(await runner.send('HGETALL', key)), key)
  }

  /** Newest first. */
  async ofThread(threadId: string): Promise<AgentRunState[]> {
    return this.#read(
      threadId,
      (key) => ['HGETALL', key],
      (reply, key) => runStateFromFields(toFields(reply), key)
    )
  }

  /** Like {@link ofThread}, without what is pending. */
  async rowsOfThread(threadId: string): Promise<AgentRunRow[]> {
    return this.#read(
      threadId,
      (key) => ['HMGET', key, ...RUN_FIELDS],
      (reply, key) => runRowFromFields(zip(RUN_FIELDS, reply), key)
    )
  }

  async #read<Run>(
    threadId: string,
    command: (key: string) => [string, ...string[]],
    parse: (reply: RedisReply, key: string) => Run | null
  ): Promise<Run[]> {
    const { runner, keys } = this.#context
    const index = keys.threadRunsKey(threadId)
    const ids = texts(await runner.send('ZRANGE', index, '0', '-1', 'REV'))
    const runKeys = ids.map((id) => keys.runKey(id))
    const replies = await runner.sendAll(runKeys.map(command))
    return runKeys
      .map((key, i) => parse(replies[i] ?? null, key))
      .filter((run) => run !== null)
  }
}

function zip(
  names: readonly string[],
  values: RedisReply
): Map<string, string> {
  const fields = new Map<string, string>()
  if (!Array.isArray(values)) return fields
  for (const [i, name] of names.entries()) {
    const value = values[i]
    if (typeof value === 'string') fields.set(name, value)
  }
  return fields
}
