import {
  PikkuWorkflowService,
  type StepState,
  type WorkflowPlannedStep,
  type WorkflowRun,
  type WorkflowRunWire,
  type WorkflowStatus,
  type WorkflowStepOptions,
  type WorkflowVersionStatus,
} from '@pikku/core/workflow'
import {
  type RedisAdapter,
  RedisLockLostError,
  RedisLockTimeoutError,
} from '@pikku/redis-core'
import type { GraphState, NamedStep, StepInstance } from './history-store.js'
import { HistoryStore } from './history-store.js'
import { settleLayout } from './layout.js'
import { isOutage } from './run-fences.js'
import { RedisRunInterruptedError } from './run-interrupted-error.js'
import { RunStateStore } from './run-state-store.js'
import { RunStore } from './run-store.js'
import type { SerializedError } from './serialized-error.js'
import { hasQueue, offerQueue } from './singleton-queue.js'
import { createStoreContext, type StoreContext } from './store-context.js'
import { StepStore } from './step-store.js'
import { VersionStore } from './version-store.js'
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
export abstract class BaseRedisWorkflowService extends PikkuWorkflowService {
  /** The connection, for what this service does not offer. */
  readonly adapter: RedisAdapter
  readonly #context: StoreContext
  readonly #runs: RunStore
  readonly #steps: StepStore
  readonly #history: HistoryStore
  readonly #state: RunStateStore
  readonly #versions: VersionStore
  readonly #queue: RedisWorkflowServiceOptions['queue']

  protected constructor(
    adapter: RedisAdapter,
    options: RedisWorkflowServiceOptions
  ) {
    super(options)
    this.adapter = adapter
    this.#queue = options.queue
    const context = createStoreContext(adapter, options, (message) =>
      this.#warn(message)
    )
    this.#context = context
    this.#runs = new RunStore(context)
    this.#steps = new StepStore(context)
    this.#history = new HistoryStore(context)
    this.#state = new RunStateStore(context)
    this.#versions = new VersionStore(context)
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

  /** Closes what this service opened; a client that it was given stays open. */
  async close(): Promise<void> {
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

  /** A warning is never a reason to fail: there may be no logger yet. */
  #warn(message: string): void {
    try {
      this.logger?.warn(`[pikku-redis] ${message}`)
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

  // Runs.

  protected async createRunImpl(
    workflow: string,
    input: unknown,
    inline: boolean,
    graphHash: string,
    wire: WorkflowRunWire,
    options?: { deterministic?: boolean; plannedSteps?: WorkflowPlannedStep[] }
  ): Promise<string> {
    return this.#runs.create({
      workflow,
      input,
      inline,
      graphHash,
      wire,
      ...options,
    })
  }

  async getRun(id: string): Promise<WorkflowRun | null> {
    return this.#runs.get(id)
  }

  protected async updateRunStatusImpl(
    id: string,
    status: WorkflowStatus,
    output?: unknown,
    error?: SerializedError
  ): Promise<void> {
    await this.#runs.updateStatus(id, status, output, error)
  }

  // Steps.

  protected async insertStepStateImpl(
    runId: string,
    stepName: string,
    rpcName: string | null,
    data: unknown,
    options?: WorkflowStepOptions,
    fromStepName?: string
  ): Promise<StepState> {
    return this.#steps.insert(runId, stepName, {
      rpcName,
      data,
      options,
      fromStepName,
    })
  }

  async getStepState(runId: string, stepName: string): Promise<StepState> {
    return this.#steps.get(runId, stepName)
  }

  protected async setStepScheduledImpl(stepId: string): Promise<void> {
    await this.#steps.schedule(stepId)
  }

  protected async setStepRunningImpl(stepId: string): Promise<void> {
    await this.#steps.start(stepId)
  }

  protected async setStepResultImpl(
    stepId: string,
    result: unknown
  ): Promise<void> {
    await this.#steps.succeed(stepId, result)
  }

  protected async setStepErrorImpl(
    stepId: string,
    error: Error
  ): Promise<void> {
    await this.#steps.fail(stepId, error)
  }

  protected async setStepChildRunIdImpl(
    stepId: string,
    childRunId: string
  ): Promise<void> {
    await this.#steps.linkChildRun(stepId, childRunId)
  }

  protected async setBranchTakenImpl(
    stepId: string,
    branchKey: string
  ): Promise<void> {
    await this.#steps.recordBranch(stepId, branchKey)
  }

  protected async createRetryAttemptImpl(
    stepId: string,
    status: 'pending' | 'running'
  ): Promise<StepState> {
    return this.#steps.retry(stepId, status)
  }

  /**
   * Claims a step for this process, in one script. Engines later than 0.12.84
   * call it in place of a step lock, a read and a write; for 0.12.84 there is
   * nothing to override, so there is no such keyword.
   *
   * @returns The step, now running, or `null` if it runs or has succeeded.
   */
  protected async claimStepForExecution(
    runId: string,
    stepName: string,
    rpcName: string | null
  ): Promise<StepState | null> {
    return this.#steps.claim(runId, stepName, rpcName)
  }

  async getNodeResults(
    runId: string,
    nodeIds: string[]
  ): Promise<Record<string, unknown>> {
    return this.#steps.results(runId, nodeIds)
  }

  async getRunHistory(runId: string): Promise<NamedStep[]> {
    return this.#history.history(runId)
  }

  protected override async listStepStates(
    runId: string
  ): Promise<NamedStep[] | null> {
    return this.#history.replay(runId)
  }

  async getStepInstances(runId: string): Promise<StepInstance[]> {
    return this.#history.instances(runId)
  }

  async getCompletedGraphState(runId: string): Promise<GraphState> {
    return this.#history.graphState(runId)
  }

  protected async updateRunStateImpl(
    runId: string,
    name: string,
    value: unknown
  ): Promise<void> {
    await this.#state.set(runId, name, value)
  }

  async getRunState(runId: string): Promise<Record<string, unknown>> {
    return this.#state.get(runId)
  }

  protected async upsertWorkflowVersionImpl(
    name: string,
    graphHash: string,
    graph: unknown,
    source: string,
    status?: WorkflowVersionStatus
  ): Promise<void> {
    await this.#versions.insert(name, graphHash, graph, source, status)
  }

  protected async updateWorkflowVersionStatusImpl(
    name: string,
    graphHash: string,
    status: WorkflowVersionStatus
  ): Promise<void> {
    await this.#versions.updateStatus(name, graphHash, status)
  }

  async getWorkflowVersion(
    name: string,
    graphHash: string
  ): Promise<{ graph: unknown; source: string } | null> {
    return this.#versions.get(name, graphHash)
  }
}
