import { DEFAULT_STEP_RETRIES, type WorkflowRun } from '@pikku/core/workflow'
import { sweepScripts } from '@pikku/redis-core'
import { serializeError } from './serialized-error.js'
import { stepScriptKeys } from './step-store.js'
import type { StoreContext } from './store-context.js'
import { WorkerLostError } from './worker-lost-error.js'

/** What a sweep made of a step whose worker's lease ran out. */
export interface OrphanedStep {
  runId: string
  stepName: string
  /**
   * `retried`: the next attempt is pending; `failed`: it has none left;
   * `redriven`: its run's driver died; `child-ended`: the child run ended, and
   * its process died before it could say so.
   */
  outcome: 'retried' | 'failed' | 'redriven' | 'child-ended'
}

type Code = OrphanedStep['outcome'] | 'child'

export interface Orphan extends Omit<OrphanedStep, 'outcome'> {
  outcome: Code
  stepId: string
  childRunId: string
}

/**
 * Finds runs and steps that nobody works on any more, from indexes that the
 * scripts of the transitions keep: O(log N + limit).
 *
 * Concurrency: sweeps of several processes may overlap. What one takes is put
 * at the end of the line; what both take is driven once, under the run lock.
 *
 * Crash: a sweep that dies leaves what it took to a later one, since a member
 * leaves an index only with the transition that settles it.
 */
export class Sweeps {
  readonly #context: StoreContext
  readonly #orphans: 'retry' | 'fail'

  constructor(context: StoreContext, orphans: 'retry' | 'fail' = 'retry') {
    this.#context = context
    this.#orphans = orphans
  }

  /** Runs with nothing in flight since `before`, and with no driver. */
  async takeStalled(before: Date, limit: number): Promise<string[]> {
    return this.#takeRuns('idle', before, limit)
  }

  /** Steps that wait to be dispatched since `before`. */
  async takeUndispatched(
    before: Date,
    limit: number
  ): Promise<Array<{ runId: string; stepId: string }>> {
    const { runner, keys } = this.#context
    const runIds = await this.#takeRuns('pending', before, limit)
    const found = await runner.sendAll(
      runIds.map(
        (runId) =>
          [
            'ZRANGEBYSCORE',
            keys.pendingStepsKey(runId),
            '-inf',
            `(${before.getTime()}`,
            'LIMIT',
            '0',
            String(limit),
          ] as const
      )
    )
    const steps = runIds
      .flatMap((runId, i) =>
        listOf(found[i]).map((stepName) => ({ runId, stepName }))
      )
      .slice(0, limit)
    const stepIds = await runner.sendAll(
      steps.map(
        ({ runId, stepName }) =>
          ['HGET', keys.stepKey(runId, stepName), 'stepId'] as const
      )
    )
    return steps.flatMap(({ runId }, i) => {
      const stepId = stepIds[i]
      return typeof stepId === 'string' ? [{ runId, stepId }] : []
    })
  }

  /** Takes steps from workers whose lease ran out. */
  async takeOrphans(limit: number): Promise<Orphan[]> {
    const due = await this.#takeDue('leases', '', limit, false)
    const orphans = await Promise.all(due.map((lease) => this.#recover(lease)))
    return orphans.filter((orphan) => orphan !== undefined)
  }

  async #recover(lease: string): Promise<Orphan | undefined> {
    const { runner, keys, leases, encodeError } = this.#context
    const { runId, stepName } = keys.parseStepLease(lease)
    const error = serializeError(new WorkerLostError(runId, stepName))
    const { code, detail } = await runner.run(sweepScripts.recoverStep, {
      keys: stepScriptKeys(keys, runId, stepName),
      args: {
        stepName,
        lease,
        leaseMs: leases.leaseMs,
        orphans: this.#orphans,
        retries: DEFAULT_STEP_RETRIES,
        error: encodeError(error, `The error of step '${stepName}'`),
      },
    })
    if (code === 'kept' || code === 'dropped') return undefined
    const [stepId = '', childRunId = ''] = detail
    const outcome = code === 'redrive' ? 'redriven' : code
    return { runId, stepName, outcome, stepId, childRunId }
  }

  async #takeRuns(
    index: 'idle' | 'pending',
    before: Date,
    limit: number
  ): Promise<string[]> {
    const { runner, keys } = this.#context
    const due = await this.#takeDue(
      index,
      String(before.getTime()),
      limit,
      true
    )
    const seen = await runner.sendAll(
      due.flatMap((runId) => [
        ['HGET', keys.runKey(runId), 'status'] as const,
        ['EXISTS', keys.lockKey(runId)] as const,
      ])
    )
    // 0.12 changes a run, or deletes it, and knows nothing of the indexes.
    const ended = due.filter((_, i) => !isActive(seen[2 * i]))
    await runner.sendAll(
      ended.map(
        (runId) => ['ZREM', keys.indexKeys(runId)[index], runId] as const
      )
    )
    // Who holds the lock drives the run, and needs no help.
    return due.filter((_, i) => isActive(seen[2 * i]) && seen[2 * i + 1] === 0)
  }

  async #takeDue(
    index: 'idle' | 'pending' | 'leases',
    before: string,
    limit: number,
    postpone: boolean
  ): Promise<string[]> {
    const { runner, keys } = this.#context
    const taken: string[] = []
    for (const indexes of keys.allIndexKeys()) {
      if (taken.length >= limit) break
      const members = await runner.run(sweepScripts.takeDue, {
        keys: { index: indexes[index] },
        args: {
          before,
          limit: limit - taken.length,
          postpone: postpone ? 1 : 0,
        },
      })
      taken.push(...members)
    }
    return taken
  }
}

function isActive(status: unknown): boolean {
  return status === ('running' satisfies WorkflowRun['status'])
}

function listOf(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map(String) : []
}
