import type { StepState, StepStatus } from '@pikku/core/workflow'
import type { Attempt } from './step-state.js'
import { attemptFromEntry } from './step-state.js'
import type { StoreContext } from './store-context.js'

export type NamedStep = StepState & { stepName: string }

export interface StepInstance {
  stepName: string
  status: StepStatus
  fromStepName?: string
}

export interface GraphState {
  completedNodeIds: string[]
  failedNodeIds: string[]
  branchKeys: Record<string, string>
}

/**
 * A run's history: a list with every attempt of every step, oldest first, each
 * entry the attempt's complete state. Scripts keep entry and hash alike, so
 * that one read of the list answers every question about all steps of a run.
 */
export class HistoryStore {
  readonly #context: StoreContext

  constructor(context: StoreContext) {
    this.#context = context
  }

  async attempts(runId: string): Promise<Attempt[]> {
    const { runner, keys, fences } = this.#context
    const key = keys.historyKey(runId)
    const entries = await fences.guard(runId, () =>
      runner.send('LRANGE', key, '0', '-1')
    )
    if (!Array.isArray(entries)) return []
    return entries.map((entry, i) => attemptFromEntry(String(entry), key, i))
  }

  /** Steps in the order in which they began, each with its latest attempt. */
  async latest(runId: string): Promise<Attempt[]> {
    const latest = new Map<string, Attempt>()
    for (const attempt of await this.attempts(runId)) {
      latest.set(attempt.stepName, attempt)
    }
    return [...latest.values()]
  }

  async steps(runId: string): Promise<NamedStep[]> {
    return (await this.latest(runId)).map(named)
  }

  async history(runId: string): Promise<NamedStep[]> {
    return (await this.attempts(runId)).map(named)
  }

  async instances(runId: string): Promise<StepInstance[]> {
    return (await this.latest(runId)).map(({ stepName, state }) => ({
      stepName,
      status: state.status,
      ...(state.fromStepName !== undefined && {
        fromStepName: state.fromStepName,
      }),
    }))
  }

  async graphState(runId: string): Promise<GraphState> {
    const completedNodeIds: string[] = []
    const failedNodeIds: string[] = []
    const branches: Array<[node: string, branch: string]> = []
    for (const { stepName, state, branchTaken } of await this.latest(runId)) {
      if (state.status === 'succeeded') {
        completedNodeIds.push(stepName)
        if (branchTaken) branches.push([stepName, branchTaken])
      } else if (
        state.status === 'failed' &&
        // Parity with Pikku's other stores: no retries means one attempt.
        state.attemptCount >= (state.retries ?? 0) + 1
      ) {
        failedNodeIds.push(stepName)
      }
    }
    return {
      completedNodeIds,
      failedNodeIds,
      branchKeys: Object.fromEntries(branches),
    }
  }
}

function named({ stepName, state }: Attempt): NamedStep {
  return { ...state, stepName }
}
