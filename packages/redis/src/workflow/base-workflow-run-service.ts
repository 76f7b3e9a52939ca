import type {
  StepState,
  WorkflowRun,
  WorkflowRunService,
} from '@pikku/core/workflow'
import type { RedisAdapter } from '@pikku/redis-core'
import { toFields } from '../common/hash.js'
import { HistoryStore, type NamedStep } from './history-store.js'
import { decodeJson } from '../common/json.js'
import { settleLayout } from './layout.js'
import {
  Migration,
  type MigrationOptions,
  type MigrationProgress,
} from './migration.js'
import {
  type ListRunsOptions,
  type RunCount,
  RunIndex,
  type RunPage,
} from './run-index.js'
import { removeRun } from './run-remover.js'
import { RunStore } from './run-store.js'
import { stepFromHash } from './step-state.js'
import { createStoreContext, type StoreContext } from './store-context.js'
import { VersionStore } from './version-store.js'
import type { RedisWorkflowServiceOptions } from './workflow-options.js'

/**
 * Finds, shows and deletes runs: what a console or an operator needs. It never
 * scans the keyspace; a page costs what the page holds.
 *
 * Concurrency: it reads what the workflow service's scripts keep. A page is no
 * snapshot: a run that changes its status meanwhile may show the new one.
 */
export abstract class BaseRedisWorkflowRunService implements WorkflowRunService {
  /** The connection, for what this service does not offer. */
  readonly adapter: RedisAdapter
  readonly #context: StoreContext
  readonly #runs: RunStore
  readonly #index: RunIndex
  readonly #history: HistoryStore
  readonly #versions: VersionStore

  protected constructor(
    adapter: RedisAdapter,
    options: RedisWorkflowServiceOptions
  ) {
    this.adapter = adapter
    this.#context = createStoreContext(adapter, options, () => {})
    this.#runs = new RunStore(this.#context)
    this.#index = new RunIndex(this.#context)
    this.#history = new HistoryStore(this.#context)
    this.#versions = new VersionStore(this.#context)
  }

  /**
   * Connects, and checks the layout of the prefix.
   *
   * @throws RedisConnectionError, RedisLayoutError
   */
  async init(): Promise<void> {
    await this.adapter.open()
    await settleLayout(this.#context)
  }

  /** Closes what this service opened; a client that it was given stays open. */
  async close(): Promise<void> {
    await this.adapter.close()
  }

  /**
   * Runs, newest first.
   *
   * @throws RedisArgumentError for a limit, offset or cursor that is none.
   */
  async listRuns(options?: ListRunsOptions): Promise<WorkflowRun[]> {
    return (await this.#index.page(options)).runs
  }

  /** Like {@link listRuns}, with the cursor for the page that follows. */
  async listRunsPage(options?: ListRunsOptions): Promise<RunPage> {
    return this.#index.page(options)
  }

  /** How many runs there are, for each workflow and status, in one read. */
  async countRuns(): Promise<RunCount[]> {
    return this.#index.counts()
  }

  /** The run, or `null` if there is none. */
  async getRun(id: string): Promise<WorkflowRun | null> {
    return this.#runs.get(id)
  }

  /** Steps, each with its input, in the order of their latest attempts. */
  async getRunSteps(
    runId: string
  ): Promise<
    Array<StepState & { stepName: string; rpcName?: string; data?: unknown }>
  > {
    const { runner, keys } = this.#context
    const reply = await runner.send('ZRANGE', keys.stepsKey(runId), '0', '-1')
    const names = Array.isArray(reply) ? reply.map(String) : []
    if (names.length === 0) return []
    const hashes = await runner.sendAll(
      names.map((name) => ['HGETALL', keys.stepKey(runId, name)] as const)
    )
    const steps = names.flatMap((stepName, i) => {
      const key = keys.stepKey(runId, stepName)
      const fields = toFields(hashes[i] ?? null)
      if (!fields.has('stepId')) return []
      const { rpcName, ...state } = stepFromHash(fields, key)
      const data = decodeJson(fields.get('data'), key, 'data')
      return [{ ...state, stepName, ...(rpcName && { rpcName }), data }]
    })
    return steps.toSorted((a, b) => Number(a.createdAt) - Number(b.createdAt))
  }

  /** Every attempt of every step, in the order in which they began. */
  async getRunHistory(runId: string): Promise<NamedStep[]> {
    return this.#history.history(runId)
  }

  /** Names of all workflows that have runs. */
  async getDistinctWorkflowNames(): Promise<string[]> {
    return this.#index.workflowNames()
  }

  /** What was stored of that version of the workflow, or `null`. */
  async getWorkflowVersion(
    name: string,
    graphHash: string
  ): Promise<{ graph: unknown; source: string } | null> {
    return this.#versions.get(name, graphHash)
  }

  /**
   * Deletes a run and all that belongs to it. Child runs are runs of their own
   * and stay.
   *
   * @returns Whether there was such a run.
   * @throws RedisLayoutError for a run of 0.12 that was not migrated: nobody
   *   knows its steps.
   */
  async deleteRun(id: string): Promise<boolean> {
    return removeRun(this.#context, id)
  }

  /**
   * Moves runs that @pikku/redis 0.12 wrote into the indexes; until then they
   * can be read and finished, and no list has them. Online: call it again as
   * often as you like, and once more after the last 0.12 process has ended.
   *
   * @returns What was found and moved.
   * @throws RedisOptionsError for a prefix with partitions: 0.12 has none.
   */
  async migrate(options: MigrationOptions = {}): Promise<MigrationProgress> {
    return new Migration(this.#context, options).run()
  }
}
