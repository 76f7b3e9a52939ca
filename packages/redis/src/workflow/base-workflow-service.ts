import type {
  PikkuWorkflowService,
  WorkflowRunWire,
} from '@pikku/core/workflow'
import {
  type RedisAdapter,
  RedisLockLostError,
  RedisLockTimeoutError,
  wholeNumber,
} from '@pikku/redis-core'
import { settleLayout } from './layout.js'
import { isOutage } from './run-fences.js'
import { RedisRunInterruptedError } from './run-interrupted-error.js'
import { hasQueue, offerQueue } from './singleton-queue.js'
import { type OrphanedStep, Sweeps } from './sweeps.js'
import {
  type RecoveryOptions,
  resolveRecoveryOptions,
} from './recovery-options.js'
import { RecoveryLoop } from './recovery-loop.js'
import { StoredWorkflowService } from './stored-workflow-service.js'
import { createStoreContext, type StoreContext } from './store-context.js'
import type { RedisWorkflowServiceOptions } from './workflow-options.js'

/** How long, in ms, until a run that was interrupted is tried again. */
const RETRY_MS = 1_000

type Rpc = Parameters<PikkuWorkflowService['runWorkflowJob']>[1]

/**
 * Pikku's workflow service on Redis, over any adapter. It only delegates: one
 * store for each aggregate, and one script for each transition.
 *
 * Concurrency: any number of processes may call any method for the same run.
 * Scripts decide who wins; nothing is read, changed and written back. The run
 * lock keeps two processes from driving one run's body at once, and writes
 * made inside it carry its token, so that a holder that lost it writes nothing.
 *
 * Crash: between any two calls a dead process leaves whole transitions, and at
 * most a lock that is free again after its time to live.
 */
export abstract class BaseRedisWorkflowService extends StoredWorkflowService {
  /** The connection, for what this service does not offer. */
  readonly adapter: RedisAdapter
  readonly #context: StoreContext
  readonly #sweeps: Sweeps
  #recovery: RecoveryLoop | undefined
  #rpc: Rpc | undefined
  readonly #queue: RedisWorkflowServiceOptions['queue']

  protected constructor(
    adapter: RedisAdapter,
    options: RedisWorkflowServiceOptions
  ) {
    const said: { warn?: (message: string) => void } = {}
    const context = createStoreContext(adapter, options, (message) =>
      said.warn?.(message)
    )
    super(context, options)
    said.warn = (message) => this.#log('warn', message)
    this.adapter = adapter
    this.#queue = options.queue
    this.#context = context
    this.#sweeps = new Sweeps(context, options.orphans)
  }

  /**
   * Connects, and checks that the prefix has the layout that is asked for.
   * Can be called again after it failed.
   *
   * @throws RedisConnectionError for a wrong host, port or password, within
   *   the client's connect timeout.
   * @throws RedisLayoutError for a prefix with other partitions.
   */
  async init(): Promise<void> {
    await this.adapter.open()
    await settleLayout(this.#context)
  }

  /**
   * Stops recovery and closes what this service opened; a client that it was
   * given stays open.
   */
  async close(): Promise<void> {
    await this.#recovery?.stop()
    this.#context.leases.close()
    await this.adapter.close()
  }

  // Driving a run: a queue that was given to this service, and busy runs.

  override async startWorkflow<I>(
    name: string,
    input: I,
    wire: WorkflowRunWire,
    rpc: Rpc,
    options?: Parameters<PikkuWorkflowService['startWorkflow']>[4]
  ): Promise<{ runId: string }> {
    this.#offerQueue()
    return super.startWorkflow(name, input, wire, rpc, options)
  }

  override async resumeWorkflow(
    runId: string,
    workflowName?: string
  ): Promise<void> {
    this.#offerQueue()
    if (this.#rpc && !hasQueue()) return this.#driveHere(runId, this.#rpc)
    return super.resumeWorkflow(runId, workflowName)
  }

  override async orchestrateWorkflow(runId: string, rpc: Rpc): Promise<void> {
    this.#offerQueue()
    return this.#context.fences.outside(() =>
      super.orchestrateWorkflow(runId, rpc)
    )
  }

  override async executeWorkflowStep(
    ...args: Parameters<PikkuWorkflowService['executeWorkflowStep']>
  ): Promise<void> {
    this.#offerQueue()
    return this.#context.fences.outside(() =>
      super.executeWorkflowStep(...args)
    )
  }

  override async executeWorkflowSleepCompleted(
    runId: string,
    stepId: string
  ): Promise<void> {
    this.#offerQueue()
    return this.#context.fences.outside(() =>
      super.executeWorkflowSleepCompleted(runId, stepId)
    )
  }

  /**
   * Drives a run until it ends or waits.
   *
   * @throws RedisRunInterruptedError if another process drives it or took it
   *   over, or if Redis failed. With a queue, the run is put back into it
   *   first: whatever made this call (a step's result, say) may have come too
   *   late for the other process, and after an outage somebody has to go on.
   * @throws RedisLockTimeoutError if another process drives it and there is
   *   no queue.
   */
  override async runWorkflowJob(runId: string, rpc: Rpc): Promise<void> {
    let entered = false
    try {
      // The engine reads the recorded steps before it takes the lock. Steps
      // that the holder records meanwhile would look undone, and run again.
      await this.withRunLock(runId, () => {
        entered = true
        return super.runWorkflowJob(runId, rpc)
      })
    } catch (error) {
      if (entered ? this.#context.fences.stoppedBy(error) : isOutage(error)) {
        throw await this.#interrupted(runId, error as Error, false)
      }
      const busy = error instanceof RedisLockTimeoutError
      const lost = error instanceof RedisLockLostError
      if (!busy && !lost) throw error
      if (error.key !== this.#context.keys.lockKey(runId)) throw error
      if (busy && !hasQueue()) throw error
      throw await this.#interrupted(runId, error, true)
    }
  }

  async #interrupted(
    runId: string,
    cause: Error,
    driven: boolean
  ): Promise<RedisRunInterruptedError> {
    let handedOver = driven
    if (hasQueue()) {
      // During an outage this may fail too. Then the job that drives the run
      // fails, and it is for its queue to deliver it again.
      handedOver = await this.scheduleOrchestratorRetry(runId, RETRY_MS).then(
        () => true,
        () => false
      )
    }
    return new RedisRunInterruptedError(runId, cause, handedOver)
  }

  #offerQueue(): void {
    if (this.#queue) offerQueue(this.#queue)
  }

  /** A line in a log is never a reason to fail: there may be no logger yet. */
  #log(level: 'info' | 'warn', message: string): void {
    try {
      this.logger?.[level](`[pikku-redis] ${message}`)
    } catch {
      // The application's services do not exist yet, or its logger failed.
    }
  }

  /** Reentrant: inside a run's own lock the body just runs. */
  async withRunLock<T>(id: string, fn: () => Promise<T>): Promise<T> {
    if (this.#context.fences.holds(id)) return fn()
    return this.#context.lock.withLock(
      this.#context.keys.lockKey(id),
      (lease) => this.#context.fences.within(id, lease, fn)
    )
  }

  async withStepLock<T>(
    runId: string,
    stepName: string,
    fn: () => Promise<T>
  ): Promise<T> {
    return this.#context.lock.withLock(
      this.#context.keys.stepLockKey(runId, stepName),
      fn
    )
  }

  // Recovery: runs and steps whose process died.

  protected override async findStalledRunIds(
    before: Date,
    limit: number
  ): Promise<string[]> {
    return this.#sweeps.takeStalled(before, limit)
  }

  protected override async findUndispatchedSteps(
    before: Date,
    limit: number
  ): Promise<Array<{ runId: string; stepId: string }>> {
    return this.#sweeps.takeUndispatched(before, limit)
  }

  /**
   * Takes steps from workers whose lease ran out, and drives their runs on. A
   * queued step gets its next attempt while it has one left (see the option
   * `orphans`), and the lost attempt an error of code `WORKER_LOST`.
   *
   * @param options.limit How many leases to look at. @default 100
   */
  async recoverOrphanedSteps({
    limit = 100,
  }: { limit?: number } = {}): Promise<{ recovered: OrphanedStep[] }> {
    wholeNumber('limit', limit, 1, 100_000)
    const recovered: OrphanedStep[] = []
    for (const orphan of await this.#sweeps.takeOrphans(limit)) {
      const { runId, stepName, stepId, childRunId, outcome } = orphan
      const ended =
        outcome !== 'child' || (await this.#report(stepId, childRunId))
      if (!ended) continue
      recovered.push({
        runId,
        stepName,
        outcome: outcome === 'child' ? 'child-ended' : outcome,
      })
    }
    for (const runId of new Set(recovered.map(({ runId }) => runId))) {
      // The step is pending by now, or its run idle: another sweep finds it.
      await this.resumeWorkflow(runId).catch((error: unknown) =>
        this.#log('warn', `Run '${runId}' was not resumed: ${String(error)}`)
      )
    }
    return { recovered }
  }

  /**
   * Runs every sweep again and again, on one elected process at a time of all
   * that call this, until {@link close}. Calling it again changes nothing.
   *
   * @throws RedisOptionsError that names the option.
   */
  startRecovery(options: RecoveryOptions = {}): void {
    const { everyMs, limit, stalledAfterMs, undispatchedAfterMs, rpc } =
      resolveRecoveryOptions(options, this.#context.leases.leaseMs)
    this.#rpc = rpc
    const warn = (error: unknown) =>
      this.#log('warn', `Recovery failed and is tried again: ${String(error)}`)
    this.#recovery ??= new RecoveryLoop({
      lock: this.#context.lock,
      key: this.#context.keys.recoveryLockKey(),
      everyMs,
      onError: warn,
      tick: async () => {
        const { recovered } = await this.recoverOrphanedSteps({ limit })
        for (const { runId, stepName, outcome } of recovered) {
          this.#log('info', `Run '${runId}', step '${stepName}': ${outcome}`)
        }
        const { redispatched } = await this.relayUndispatchedSteps({
          undispatchedAfterMs,
          limit,
        })
        const { resumed } = await this.recoverStalledRuns({
          stalledAfterMs,
          limit,
        })
        for (const runId of new Set([...redispatched, ...resumed])) {
          this.#log('info', `Run '${runId}': resumed`)
        }
      },
    })
  }

  /** Whether the child has ended; then its parent's step gets its outcome. */
  async #report(stepId: string, childRunId: string): Promise<boolean> {
    const child = await this.getRun(childRunId)
    if (child?.status === 'running' || child?.status === 'suspended') {
      return false
    }
    if (child?.status === 'completed') {
      await this.setStepResult(stepId, child.output)
      return true
    }
    const what = child?.error?.message ?? child?.status ?? 'deleted'
    await this.setStepError(
      stepId,
      new Error(`The child run '${childRunId}' did not complete: ${what}`)
    )
    return true
  }

  /** Without a queue a run is driven where it is found; it may take long. */
  async #driveHere(runId: string, rpc: Rpc): Promise<void> {
    void this.runWorkflowJob(runId, rpc).catch((error: unknown) =>
      this.#log('warn', `Run '${runId}' was not driven: ${String(error)}`)
    )
  }
}
