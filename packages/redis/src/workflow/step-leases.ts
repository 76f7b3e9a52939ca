import {
  type KeySchema,
  type ScriptRunner,
  sweepScripts,
} from '@pikku/redis-core'

interface Held {
  readonly lease: string
  readonly index: string
}

/**
 * The steps that this process has in hand. Each has a lease in an index, set by
 * the script that started it, so that a sweep of another process finds a step
 * whose worker died. All leases are renewed together, one call per partition,
 * at a third of their time.
 *
 * Concurrency: a lease names its attempt, so a process that was paused and
 * comes back renews nothing of the worker that has the step now. A renewal that
 * fails is made again a third later; a process that is cut off for longer than
 * the lease may see its step given to another, and the first result counts.
 *
 * Crash: nothing to clean up. The lease runs out.
 */
export class StepLeases {
  readonly leaseMs: number
  readonly #runner: ScriptRunner
  readonly #keys: KeySchema
  readonly #held = new Map<string, Held>()
  #timer: NodeJS.Timeout | undefined

  constructor(runner: ScriptRunner, keys: KeySchema, leaseMs: number) {
    this.#runner = runner
    this.#keys = keys
    this.leaseMs = leaseMs
  }

  /** @param attempt The attempt that was begun. */
  hold(stepId: string, attempt: number): void {
    const { runId, stepName } = this.#keys.parseStepId(stepId)
    this.#held.set(stepId, {
      lease: this.#keys.stepLease(runId, stepName, attempt),
      index: this.#keys.indexKeys(runId).leases,
    })
    this.#timer ??= setInterval(
      () => void this.#renew(),
      Math.max(1, Math.floor(this.leaseMs / 3))
    ).unref()
  }

  /** The step has an outcome; the script that wrote it dropped the lease. */
  drop(stepId: string): void {
    this.#held.delete(stepId)
    if (this.#held.size === 0) this.close()
  }

  /** Renews nothing any more: what is still in hand is for others to find. */
  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#held.clear()
  }

  async #renew(): Promise<void> {
    const byIndex = Map.groupBy(this.#held.values(), ({ index }) => index)
    await Promise.allSettled(
      [...byIndex].map(([leases, held]) =>
        this.#runner.run(
          sweepScripts.renewLeases,
          {
            keys: { leases },
            args: { leaseMs: this.leaseMs },
            rest: held.map(({ lease }) => lease),
          },
          { timeoutMs: Math.max(1, Math.floor(this.leaseMs / 3)) }
        )
      )
    )
  }
}
