import type { AgentRunState, PendingApproval } from '@pikku/core/agent'
import {
  agentScripts,
  RedisArgumentError,
  requiredName,
} from '@pikku/redis-core'
import { AsyncLocalStorage } from 'node:async_hooks'
import { toFields } from '../common/hash.js'
import type { AgentContext } from './agent-context.js'
import { approvalField, approvalFromField } from './approval-fields.js'
import { runStateFromFields } from './run-fields.js'

/** Where an approval is pending. */
interface Pending {
  runId: string
  member: string
}

/**
 * Approvals that somebody has to decide: a field of the run for each, and an
 * index by tool call.
 *
 * A sub-agent's approval is its parent's, too, under one id, and some models
 * give the same ids to calls of other runs. The engine reads a run before it
 * decides for it, so the run that the caller read last is the one. If it has
 * been decided there, the caller is too late, whoever else asks under that id.
 * For a caller that read none, it is the run that was the last to ask: the
 * parent, then its child.
 *
 * What is denied for a parent is denied for the sub-agents it was asked by: the
 * engine does not go on to them, as it does with what is approved.
 */
export class ApprovalStore {
  readonly #context: AgentContext
  readonly #lastRead = new AsyncLocalStorage<string>()

  constructor(context: AgentContext) {
    this.#context = context
  }

  /** To be called before anything is awaited: who awaits the read knows of it. */
  noteRead(runId: string): void {
    this.#lastRead.enterWith(requiredName('A run id', runId))
  }

  /** Whether this call made the decision. */
  async resolve(
    toolCallId: string,
    status: 'approved' | 'denied'
  ): Promise<boolean> {
    if (status !== 'approved' && status !== 'denied') {
      throw new RedisArgumentError(
        `An approval is 'approved' or 'denied', not '${String(status)}'`
      )
    }
    requiredName('A tool call id', toolCallId)
    const runId = this.#lastRead.getStore()
    let code = runId
      ? await this.#decide({ runId, member: '' }, toolCallId, status)
      : 'none'
    while (code === 'none') {
      const [pending] = await this.#pending(toolCallId)
      if (!pending) return false
      code = await this.#decide(pending, toolCallId, status)
    }
    return code === 'ok'
  }

  async #decide(
    { runId, member }: Pending,
    toolCallId: string,
    status: 'approved' | 'denied'
  ): Promise<'ok' | 'decided' | 'none'> {
    const { runner, keys } = this.#context
    const below =
      status === 'denied' ? await this.#below(runId, toolCallId) : []
    const { code } = await runner.run(agentScripts.resolveApproval, {
      keys: { run: keys.runKey(runId), approvals: keys.approvals },
      args: { runId, toolCallId, status, member },
      rest: below,
      moreKeys: below.map((child) => keys.runKey(child)),
    })
    return code
  }

  /** The runs of the sub-agents that the run asks for. */
  async #below(runId: string, toolCallId: string): Promise<string[]> {
    const { runner, keys } = this.#context
    const found = new Set([runId])
    for (const above of found) {
      const key = keys.runKey(above)
      const field = approvalField(toolCallId)
      const value = await runner.send('HGET', key, field)
      if (typeof value !== 'string') continue
      const { approval } = approvalFromField(value, key, field)
      if (approval.type === 'agent-call') found.add(approval.agentRunId)
    }
    found.delete(runId)
    return [...found]
  }

  async find(
    toolCallId: string
  ): Promise<{ run: AgentRunState; approval: PendingApproval } | null> {
    const { runner, keys } = this.#context
    for (const { runId } of await this.#pending(toolCallId)) {
      const key = keys.runKey(runId)
      const fields = toFields(await runner.send('HGETALL', key))
      const run = runStateFromFields(fields, key)
      const approval = run?.pendingApprovals?.find(
        (each) => each.toolCallId === toolCallId
      )
      if (run && approval) return { run, approval }
    }
    return null
  }

  /** The runs that wait for it, the last to ask first. */
  async #pending(toolCallId: string): Promise<Pending[]> {
    const { runner, keys } = this.#context
    const { detail } = await runner.run(agentScripts.findApprovals, {
      keys: { approvals: keys.approvals },
      args: { toolCallId: requiredName('A tool call id', toolCallId) },
    })
    const pending: Pending[] = []
    for (let i = 0; i + 1 < detail.length; i += 2) {
      pending.push({ runId: detail[i]!, member: detail[i + 1]! })
    }
    return pending
  }
}
