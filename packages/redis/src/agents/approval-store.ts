import type { AgentRunState, PendingApproval } from '@pikku/core/agent'
import {
  agentScripts,
  RedisArgumentError,
  requiredName,
} from '@pikku/redis-core'
import { toFields } from '../common/hash.js'
import type { AgentContext } from './agent-context.js'
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
 * A sub-agent's approval is its parent's, too, under one id. The run that was
 * the last to ask is the first to be resolved: the parent, then its child.
 */
export class ApprovalStore {
  readonly #context: AgentContext

  constructor(context: AgentContext) {
    this.#context = context
  }

  /** Whether this call made the decision. */
  async resolve(
    toolCallId: string,
    status: 'approved' | 'denied'
  ): Promise<boolean> {
    const { runner, keys } = this.#context
    if (status !== 'approved' && status !== 'denied') {
      throw new RedisArgumentError(
        `An approval is 'approved' or 'denied', not '${String(status)}'`
      )
    }
    for (;;) {
      const [pending] = await this.#pending(toolCallId)
      if (!pending) return false
      const { runId, member } = pending
      const { code } = await runner.run(agentScripts.resolveApproval, {
        keys: { run: keys.runKey(runId), approvals: keys.approvals },
        args: { runId, toolCallId, status, member },
      })
      if (code === 'ok') return true
    }
  }

  async find(
    toolCallId: string
  ): Promise<{ run: AgentRunState; approval: PendingApproval } | null> {
    const { runner, keys } = this.#context
    const pending = await this.#pending(toolCallId)
    const replies = await runner.sendAll(
      pending.map(({ runId }) => ['HGETALL', keys.runKey(runId)] as const)
    )
    for (const [i, { runId }] of pending.entries()) {
      const fields = toFields(replies[i] ?? null)
      const key = keys.runKey(runId)
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
