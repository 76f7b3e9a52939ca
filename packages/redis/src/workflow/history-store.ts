import type { StepState, StepStatus } from '@pikku/core/workflow'
import type { RedisCommand, RedisReply } from '@pikku/redis-core'
import { toFields } from '../common/hash.js'
import type { FirstRead } from './held-run.js'
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

/** Entries of one reply: a replay of as many steps is one round trip. */
const CHUNK = 1_024

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

  /** In chunks, since a reply of any length would have to fit in memory twice. */
  async attempts(runId: string): Promise<Attempt[]> {
    const { runner, keys, fences } = this.#context
    const key = keys.historyKey(runId)
    return fences.read(runId, async () => {
      const first = await runner.send(...chunk(key, 0))
      return this.#allAttempts(key, first, CHUNK)
    })
  }

  /** @param asked How many entries the first read asked for. */
  async #allAttempts(
    key: string,
    first: RedisReply,
    asked: number
  ): Promise<Attempt[]> {
    const attempts: Attempt[] = []
    let [entries, limit] = [first, asked]
    while (Array.isArray(entries)) {
      for (const entry of entries) {
        attempts.push(attemptFromEntry(String(entry), key, attempts.length))
      }
      if (entries.length < limit) break
      limit = CHUNK
      entries = await this.#context.runner.send(...chunk(key, attempts.length))
    }
    return attempts
  }

  /** Steps in the order in which they began, each with its latest attempt. */
  async latest(runId: string): Promise<Attempt[]> {
    return latestOf(await this.attempts(runId))
  }

  /**
   * Every step as the driver of the run should see it. The run itself comes
   * along: a driver's next question is for it. Who has just taken the lock for
   * that has read both already, or the beginning.
   */
  async replay(runId: string): Promise<NamedStep[]> {
    const { keys, fences } = this.#context
    const hold = fences.heldRun(runId)
    const attempts = await fences.read(runId, async () => {
      const { run, attempts, limit } =
        hold?.first ?? (await this.#readFirst(runId))
      if (hold) {
        hold.first = undefined
        hold.readAhead = toFields(run)
      }
      return this.#allAttempts(keys.historyKey(runId), attempts, limit)
    })
    const latest = latestOf(attempts)
    // A run of 0.12 may have steps that are in no history yet.
    if (hold && !hold.asksForSteps && hold.readAhead?.has('listed')) {
      hold.known = new Set(latest.map(({ stepName }) => stepName))
    }
    return latest.map((attempt) => ({
      ...named(attempt),
      status: statusInReplay(attempt),
    }))
  }

  async #readFirst(runId: string): Promise<FirstRead> {
    const { runner, keys } = this.#context
    const [run = null, attempts = null] = await runner.sendAll([
      ['HGETALL', keys.runKey(runId)],
      chunk(keys.historyKey(runId), 0),
    ])
    return { run, attempts, limit: CHUNK }
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
        (state.attemptCount >= (state.retries ?? 0) + 1 ||
          // The sweep that failed it knew its budget.
          state.error?.['code'] === 'WORKER_LOST')
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

function chunk(key: string, start: number): RedisCommand['args'] {
  return ['LRANGE', key, String(start), String(start + CHUNK - 1)]
}

function latestOf(attempts: readonly Attempt[]): Attempt[] {
  const latest = new Map<string, Attempt>()
  for (const attempt of attempts) latest.set(attempt.stepName, attempt)
  return [...latest.values()]
}

/**
 * An engine that replays a run fails it for a step that is 'failed', however
 * many attempts the step has left, and queues a 'running' one once more. But
 * a run is replayed at any time: a step beside it ended, a message came twice.
 *
 * A step whose message the queue still has is waited for. One that its driver
 * could not try again, because it died or lost the run, is tried again.
 */
function statusInReplay({ state, queued }: Attempt): StepStatus {
  const { status, attemptCount, retries = 0, error, childRunId } = state
  if (queued && status === 'running') return 'scheduled'
  if (status !== 'failed') return status
  // The engine took this message as done: deploy the function, and resume.
  if (error?.name === 'RPCNotFoundError') return 'pending'
  // The sweep that failed it knew its budget, and no message is left of it.
  if (error?.['code'] === 'WORKER_LOST') return status
  // A child's failure is its parent's step's last word; no message is left.
  if (queued && childRunId !== undefined) return status
  if (queued && attemptCount <= retries) return 'scheduled'
  // The engine's driver counts attempts where its queue counts retries.
  if (!queued && attemptCount < retries) return 'pending'
  return status
}

function named({ stepName, state }: Attempt): NamedStep {
  return { ...state, stepName }
}
