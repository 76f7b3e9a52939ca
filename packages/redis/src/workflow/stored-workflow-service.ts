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
import type { GraphState, NamedStep, StepInstance } from './history-store.js'
import { HistoryStore } from './history-store.js'
import { RunStateStore } from './run-state-store.js'
import { RunStore } from './run-store.js'
import type { SerializedError } from './serialized-error.js'
import { StepStore } from './step-store.js'
import type { StoreContext } from './store-context.js'
import { VersionStore } from './version-store.js'
import type { RedisWorkflowServiceOptions } from './workflow-options.js'

/**
 * What the engine asks of its store, each call delegated: one store for each
 * aggregate, and one script for each transition.
 */
export abstract class StoredWorkflowService extends PikkuWorkflowService {
  readonly #runs: RunStore
  readonly #steps: StepStore
  readonly #history: HistoryStore
  readonly #state: RunStateStore
  readonly #versions: VersionStore

  protected constructor(
    context: StoreContext,
    options: RedisWorkflowServiceOptions
  ) {
    super(options)
    this.#runs = new RunStore(context)
    this.#steps = new StepStore(context)
    this.#history = new HistoryStore(context)
    this.#state = new RunStateStore(context)
    this.#versions = new VersionStore(context)
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

  /** @throws RedisStepNotFoundError */
  protected async readStep(
    runId: string,
    stepName: string
  ): Promise<{ step: StepState; data: unknown }> {
    return this.#steps.read(runId, stepName)
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
