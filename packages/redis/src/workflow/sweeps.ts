import { DEFAULT_STEP_RETRIES, type WorkflowRun } from '@pikku/core/workflow'
import { runScripts, sweepScripts } from '@pikku/redis-core'
import { serializeError } from './serialized-error.js'
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

type Code = OrphanedStep['outcome'] | 'child' | 'beside-gate'

export interface Orphan extends Omit<OrphanedStep, 'outcome'> {
  outcome: Code
  stepId: string
  childRunId: string
}

export interface UndispatchedRun {
  runId: string
  workflow: string
  /** Its steps that wait, the one that waits for longest first. */
  stepNames: string[]
  /** The id of the first one. */
  stepId: string
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
  readonly #comesBackToItsGate: (runId: string) => Promise<boolean>
  #turn = 0

  /**
   * @param comesBackToItsGate Whether a run that is suspended would be so again
   *   if it were driven.
   */
  constructor(
    context: StoreContext,
    orphans: 'retry' | 'fail' | undefined,
    comesBackToItsGate: (runId: string) => Promise<boolean>
  ) {
    this.#context = context
    this.#orphans = orphans ?? 'retry'
    this.#comesBackToItsGate = comesBackToItsGate
  }

  /**
   * Runs with nothing in flight for so long, or that were to be driven since
   * then, and with no driver.
   */
  async takeStalled(ageMs: number, limit: number): Promise<string[]> {
    return this.#takeRuns('idle', ageMs, limit)
  }

  /** Runs with steps that wait to be dispatched for so long. */
  async takeUndispatched(
    ageMs: number,
    limit: number
  ): Promise<UndispatchedRun[]> {
    const { runner, keys } = this.#context
    const runIds = await this.#takeRuns('pending', ageMs, limit)
    const found = await runner.sendAll(
      runIds.flatMap((runId) => [
        ['HGET', keys.runKey(runId), 'workflow'] as const,
        [
          'ZRANGE',
          keys.pendingStepsKey(runId),
          '0',
          String(limit - 1),
        ] as const,
      ])
    )
    const runs = runIds.flatMap((runId, i) => {
      const [first, ...others] = listOf(found[2 * i + 1])
      if (first === undefined) return []
      return [{ runId, workflow: String(found[2 * i]), first, others }]
    })
    const stepIds = await runner.sendAll(
      runs.map(
        ({ runId, first }) =>
          ['HGET', keys.stepKey(runId, first), 'stepId'] as const
      )
    )
    return runs.map(({ runId, workflow, first, others }, i) => ({
      runId,
      workflow,
      stepNames: [first, ...others],
      stepId: String(stepIds[i]),
    }))
  }

  /**
   * Takes steps from workers whose lease ran out. One that cannot be looked at
   * is reported and put aside: it must not hide the others.
   */
  async takeOrphans(
    limit: number,
    onError: (lease: string, error: unknown) => void
  ): Promise<Orphan[]> {
    const { runner, keys, leases } = this.#context
    const due = await this.#takeDue('leases', 0, limit, false)
    const orphans = await Promise.all(
      due.map(async (lease) => {
        try {
          return await this.#recover(lease)
        } catch (error) {
          onError(lease, error)
          const { runId } = keys.parseStepLease(lease)
          await runner.run(sweepScripts.postponeLease, {
            keys: { leases: keys.indexKeys(runId).leases },
            args: { lease, byMs: leases.leaseMs },
          })
          return undefined
        }
      })
    )
    return orphans.filter((orphan) => orphan !== undefined)
  }

  async #recover(lease: string): Promise<Orphan | undefined> {
    const { runner, keys, leases, encodeError } = this.#context
    const { runId, stepName } = keys.parseStepLease(lease)
    const error = serializeError(new WorkerLostError(runId, stepName))
    const { code, detail } = await runner.run(runScripts.recoverStep, {
      keys: keys.runScriptKeys(runId),
      moreKeys: [keys.stepKey(runId, stepName)],
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
    ageMs: number,
    limit: number
  ): Promise<string[]> {
    const { runner, keys } = this.#context
    const due = await this.#takeDue(index, ageMs, limit, true)
    const seen = await runner.sendAll(
      due.flatMap((runId) => [
        ['HGET', keys.runKey(runId), 'status'] as const,
        ['EXISTS', keys.lockKey(runId)] as const,
      ])
    )
    const found = await Promise.all(
      due.map(async (runId, i) => {
        const mayBeDriven = await this.#mayBeDriven(runId, seen[2 * i])
        if (!mayBeDriven) await this.#forget(runId, index)
        // Who holds the lock drives the run, and needs no help.
        return mayBeDriven && seen[2 * i + 1] === 0 ? [runId] : []
      })
    )
    return found.flat()
  }

  async #mayBeDriven(runId: string, status: unknown): Promise<boolean> {
    if (status === ('suspended' satisfies WorkflowRun['status'])) {
      return this.#comesBackToItsGate(runId)
    }
    return status === ('running' satisfies WorkflowRun['status'])
  }

  async #forget(runId: string, index: 'idle' | 'pending'): Promise<void> {
    const { runner, keys } = this.#context
    await runner.run(sweepScripts.forgetRun, {
      keys: { run: keys.runKey(runId), index: keys.indexKeys(runId)[index] },
      args: { runId },
    })
  }

  /** What is due by the server's clock, whatever this process's own says. */
  async #takeDue(
    index: 'idle' | 'pending' | 'leases',
    ageMs: number,
    limit: number,
    postpone: boolean
  ): Promise<string[]> {
    const { runner, keys } = this.#context
    const taken: string[] = []
    const all = keys.allIndexKeys()
    // Each time another partition is the first, or a full one hides the others.
    const first = this.#turn++ % all.length
    for (const indexes of [...all.slice(first), ...all.slice(0, first)]) {
      if (taken.length >= limit) break
      const members = await runner.run(sweepScripts.takeDue, {
        keys: { index: indexes[index] },
        args: {
          ageMs: Math.max(0, ageMs),
          limit: limit - taken.length,
          postpone: postpone ? 1 : 0,
        },
      })
      taken.push(...members)
    }
    return taken
  }
}

function listOf(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map(String) : []
}
