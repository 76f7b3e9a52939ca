import {
  type KeySchema,
  type ScriptRunner,
  sweepScripts,
} from '@pikku/redis-core'

interface Held {
  readonly stepId: string
  readonly attempt: number
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
 * comes back renews nothing of the worker that has the step now, and forgets
 * what it lost. A renewal that fails is made again a third later; a process
 * that is cut off for longer than the lease may see its step given to another,
 * and the first result counts.
 *
 * Crash: nothing to clean up. The lease runs out.
 */
export class StepLeases {
  readonly leaseMs: number
  readonly #runner: ScriptRunner
  readonly #keys: KeySchema
  /** By step, its leases: one process may have lost one and got the next. */
  readonly #held = new Map<string, Map<number, Held>>()
  #timer: NodeJS.Timeout | undefined

  constructor(runner: ScriptRunner, keys: KeySchema, leaseMs: number) {
    this.#runner = runner
    this.#keys = keys
    this.leaseMs = leaseMs
  }

  /** How many attempts are in hand. */
  get size(): number {
    return [...this.#held.values()].reduce((sum, { size }) => sum + size, 0)
  }

  /** @param attempt The attempt that was begun. */
  hold(stepId: string, attempt: number): void {
    const { runId, stepName } = this.#keys.parseStepId(stepId)
    const attempts = this.#held.get(stepId) ?? new Map<number, Held>()
    attempts.set(attempt, {
      stepId,
      attempt,
      lease: this.#keys.stepLease(runId, stepName, attempt),
      index: this.#keys.indexKeys(runId).leases,
    })
    this.#held.set(stepId, attempts)
    this.#timer ??= setInterval(
      () => void this.#renew(),
      Math.max(1, Math.floor(this.leaseMs / 3))
    ).unref()
  }

  /**
   * The attempt has ended, also if Redis does not know it yet: if it never gets
   * to know, a sweep finds the step.
   *
   * @param attempt Missing if the caller does not know which one it was.
   */
  drop(stepId: string, attempt?: number): void {
    const attempts = this.#held.get(stepId)
    if (attempts === undefined) return
    if (attempt !== undefined) attempts.delete(attempt)
    if (attempt === undefined || attempts.size === 0) this.#held.delete(stepId)
  }

  /** Renews nothing any more: what is still in hand is for others to find. */
  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#held.clear()
  }

  async #renew(): Promise<void> {
    // Not when the last one is dropped: the next step would begin a new timer.
    if (this.#held.size === 0) return this.close()
    const held = [...this.#held.values()].flatMap((each) => [...each.values()])
    const byIndex = Map.groupBy(held, ({ index }) => index)
    await Promise.allSettled(
      [...byIndex].map(([index, leases]) => this.#renewAll(index, leases))
    )
  }

  async #renewAll(index: string, held: readonly Held[]): Promise<void> {
    const gone = await this.#runner.run(
      sweepScripts.renewLeases,
      {
        keys: { leases: index },
        args: { leaseMs: this.leaseMs },
        rest: held.map(({ lease }) => lease),
      },
      { timeoutMs: Math.max(1, Math.floor(this.leaseMs / 3)) }
    )
    const lost = new Set(gone)
    for (const { stepId, attempt, lease } of held) {
      if (lost.has(lease)) this.drop(stepId, attempt)
    }
  }
}
