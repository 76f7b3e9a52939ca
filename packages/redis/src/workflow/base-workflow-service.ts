import { type RedisAdapter, wholeNumber } from '@pikku/redis-core'
import { DrivenWorkflowService, type Rpc } from './driven-workflow-service.js'
import { GATES, isGraph } from './engine-state.js'
import { settleLayout } from './layout.js'
import { RecoveryLoop } from './recovery-loop.js'
import {
  type RecoveryOptions,
  resolveRecoveryOptions,
} from './recovery-options.js'
import { createStoreContext, type StoreContext } from './store-context.js'
import { type Orphan, type OrphanedStep, Sweeps } from './sweeps.js'
import type { RedisWorkflowServiceOptions } from './workflow-options.js'

/**
 * Pikku's workflow service on Redis, over any adapter. It only delegates: one
 * store for each aggregate, and one transition for each change.
 *
 * Concurrency: any number of processes may call any method for the same run.
 * Scripts decide who wins; nothing is read, changed and written back. The run
 * lock keeps two processes from driving one run's body at once, and writes
 * made inside it carry its token, so that a holder that lost it writes nothing.
 *
 * Crash: between any two calls a dead process leaves whole transitions, and at
 * most a lock that is free again after its time to live.
 */
export abstract class BaseRedisWorkflowService extends DrivenWorkflowService {
  /** The connection, for what this service does not offer. */
  readonly adapter: RedisAdapter
  readonly #context: StoreContext
  readonly #sweeps: Sweeps
  #recovery: RecoveryLoop | undefined
  #rpc: Rpc | undefined

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
    this.#context = context
    this.#sweeps = new Sweeps(context, options.orphans, (runId) =>
      this.#comesBackToItsGate(runId)
    )
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
   * Stops recovery, waits for writes that are under way, and closes what this
   * service opened; a client that it was given stays open.
   */
  async close(): Promise<void> {
    await this.#recovery?.stop()
    await this.#context.fences.settleAll()
    this.#context.leases.close()
    await this.adapter.close()
  }

  override async resumeWorkflow(
    runId: string,
    workflowName?: string
  ): Promise<void> {
    if (this.#rpc && !this.isRemote) return this.#driveHere(runId, this.#rpc)
    return super.resumeWorkflow(runId, workflowName)
  }

  /** How many attempts of steps this process has in hand. */
  protected get leasesHeld(): number {
    return this.#context.leases.size
  }

  protected override async findStalledRunIds(
    before: Date,
    limit: number
  ): Promise<string[]> {
    return this.#sweeps.takeStalled(ageOf(before), limit)
  }

  protected override async findUndispatchedSteps(
    before: Date,
    limit: number
  ): Promise<Array<{ runId: string; stepId: string }>> {
    const found = await this.#sweeps.takeUndispatched(ageOf(before), limit)
    const flagged: Array<{ runId: string; stepId: string }> = []
    for (const { runId, workflow, stepNames, stepId } of found) {
      if (isGraph(workflow)) await this.#queueNodes(runId, stepNames)
      // One of each run: driven on, it dispatches all of them.
      flagged.push({ runId, stepId })
    }
    return flagged
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
    const orphans = await this.#sweeps.takeOrphans(limit, (lease, error) =>
      this.#log('warn', `The lease '${lease}' is put aside: ${String(error)}`)
    )
    const recovered: OrphanedStep[] = []
    for (const orphan of orphans) {
      const outcome = await this.#settled(orphan)
      const { runId, stepName } = orphan
      if (outcome) recovered.push({ runId, stepName, outcome })
    }
    for (const runId of new Set(recovered.map(({ runId }) => runId))) {
      // It is noted that the run has to be driven: another sweep finds it.
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
    const sweeps = [
      async () => {
        const { recovered } = await this.recoverOrphanedSteps({ limit })
        for (const { runId, stepName, outcome } of recovered) {
          this.#log('info', `Run '${runId}', step '${stepName}': ${outcome}`)
        }
      },
      async () => {
        const sweep = { undispatchedAfterMs, limit }
        const { redispatched } = await this.relayUndispatchedSteps(sweep)
        for (const runId of redispatched) {
          this.#log('info', `Run '${runId}': its steps were dispatched`)
        }
      },
      async () => {
        const sweep = { stalledAfterMs, limit }
        const { resumed } = await this.recoverStalledRuns(sweep)
        for (const runId of resumed) {
          this.#log('info', `Run '${runId}': resumed`)
        }
      },
    ]
    this.#recovery ??= new RecoveryLoop({
      lock: this.#context.lock,
      key: this.#context.keys.recoveryLockKey(),
      everyMs,
      onError: warn,
      tick: async () => {
        // One that fails does not keep the others from finding anything.
        for (const sweep of sweeps) await sweep().catch(warn)
      },
    })
  }

  /** What became of the orphan, if that is settled by now. */
  async #settled(orphan: Orphan): Promise<OrphanedStep['outcome'] | undefined> {
    const { runId, stepName, stepId, childRunId, outcome } = orphan
    try {
      if (outcome === 'child') {
        return (await this.#report(stepId, childRunId))
          ? 'child-ended'
          : undefined
      }
      if (outcome === 'beside-gate') {
        return (await this.#comesBackToItsGate(runId)) ? 'redriven' : undefined
      }
      const run = outcome === 'retried' ? await this.getRun(runId) : null
      if (run && isGraph(run.workflow)) {
        await this.#queueNodes(runId, [stepName])
      }
    } catch (error) {
      this.#log('warn', `Run '${runId}', step '${stepName}': ${String(error)}`)
      if (outcome === 'child' || outcome === 'beside-gate') return undefined
    }
    return outcome
  }

  /**
   * Whether a run that waits for a person would do so again if it were driven:
   * a replay goes through a `suspend()`, and not through an approval.
   */
  async #comesBackToItsGate(runId: string): Promise<boolean> {
    const steps = await this.getRunHistory(runId)
    const isShut = steps.some(
      ({ rpcName, status }) =>
        rpcName === GATES.approval && status === 'running'
    )
    return isShut && steps.every(({ rpcName }) => rpcName !== GATES.suspend)
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

  /** A graph's plan takes a pending node for one that the queue has. */
  async #queueNodes(
    runId: string,
    stepNames: readonly string[]
  ): Promise<void> {
    if (!this.isRemote) return
    for (const stepName of stepNames) {
      const { step, data } = await this.readStep(runId, stepName)
      const { stepId, rpcName, retries, retryDelay, fromStepName } = step
      if (typeof rpcName !== 'string') continue
      const options = {
        ...(retries !== undefined && { retries }),
        ...(retryDelay !== undefined && { retryDelay }),
      }
      await this.queueStepWorker(
        runId,
        stepName,
        rpcName,
        data,
        options,
        ...(fromStepName === undefined ? [] : [fromStepName])
      )
      await this.setStepScheduled(stepId)
    }
  }

  /** A line in a log is never a reason to fail: there may be no logger yet. */
  #log(level: 'info' | 'warn', message: string): void {
    try {
      this.logger?.[level](`[pikku-redis] ${message}`)
    } catch {
      // The application's services do not exist yet, or its logger failed.
    }
  }

  /** Without a queue a run is driven where it is found; it may take long. */
  async #driveHere(runId: string, rpc: Rpc): Promise<void> {
    await this.#context.fences.settle()
    // Whoever resumes a run, from its own body perhaps, does not drive it.
    const driven = this.outside(() => this.runWorkflowJob(runId, rpc))
    void driven.catch((error: unknown) =>
      this.#log('warn', `Run '${runId}' was not driven: ${String(error)}`)
    )
  }
}

/** The engine names a moment of this process's clock; it means an age. */
function ageOf(before: Date): number {
  return Date.now() - before.getTime()
}
