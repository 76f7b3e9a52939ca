import {
  PikkuWorkflowService,
  type WorkflowRunWire,
} from '@pikku/core/workflow'
import { RedisLockLostError, RedisLockTimeoutError } from '@pikku/redis-core'
import { toFields } from '../common/hash.js'
import type { HeldRun } from './held-run.js'
import {
  hasQueue,
  isGraph,
  isQueued,
  isWaiting,
  offerQueue,
} from './engine-state.js'
import type { NamedStep } from './history-store.js'
import { isOutage } from './outage.js'
import { RunLock } from './run-lock.js'
import { RedisRunInterruptedError } from './run-interrupted-error.js'
import { StaleReplayError } from './stale-replay-error.js'
import { aroundSteps, type StepCall } from './step-calls.js'
import type { StepClaim } from './step-claims.js'
import { StoredWorkflowService } from './stored-workflow-service.js'
import type { StoreContext } from './store-context.js'
import type { RedisWorkflowServiceOptions } from './workflow-options.js'

/** How long, in ms, until a run that was interrupted is tried again. */
const RETRY_MS = 1_000

/** How a run is driven. */
interface Drive {
  /** Whether the caller has its lock. */
  readonly inside: boolean
  /** Whether it is the child of a step, which another driver of that may have. */
  readonly isAdopted: boolean
  /** Whether others may add steps: then it asks for each. */
  readonly asksForSteps: boolean
}

export type Rpc = Parameters<PikkuWorkflowService['runWorkflowJob']>[1]

/**
 * How runs are driven and steps are worked on: the run lock around a body, the
 * claim of a step, and a queue that was given to this service.
 *
 * Concurrency: whatever goes to a queue or a timer may be done before this
 * process goes on, so all that was written is acknowledged first.
 */
export abstract class DrivenWorkflowService extends StoredWorkflowService {
  readonly #context: StoreContext
  readonly #queue: RedisWorkflowServiceOptions['queue']
  readonly #claimsAtOnce: boolean
  readonly #runLock: RunLock

  protected constructor(
    context: StoreContext,
    options: RedisWorkflowServiceOptions
  ) {
    super(context, options)
    this.#context = context
    this.#queue = options.queue
    this.#runLock = new RunLock(context)
    // A later engine claims by itself; a mirror is told of each of the steps in
    // which 0.12.84 does.
    this.#claimsAtOnce =
      !('claimStepForExecution' in PikkuWorkflowService.prototype) &&
      !options.mirror
  }

  override async startWorkflow<I>(
    name: string,
    input: I,
    wire: WorkflowRunWire,
    rpc: Rpc,
    options?: Parameters<PikkuWorkflowService['startWorkflow']>[4]
  ): Promise<{ runId: string }> {
    await this.#beforeEffects()
    return super.startWorkflow(name, input, wire, rpc, options)
  }

  override async resumeWorkflow(
    runId: string,
    workflowName?: string
  ): Promise<void> {
    await this.#beforeEffects()
    return super.resumeWorkflow(runId, workflowName)
  }

  override async queueStepWorker(
    ...args: Parameters<PikkuWorkflowService['queueStepWorker']>
  ): Promise<void> {
    await this.#beforeEffects()
    return super.queueStepWorker(...args)
  }

  protected override async dispatchStep(
    ...args: Parameters<PikkuWorkflowService['dispatchStep']>
  ): Promise<boolean> {
    const [, , rpcName] = args
    if (isQueued(rpcName)) await this.#beforeEffects()
    return super.dispatchStep(...args)
  }

  protected override async scheduleSleep(
    ...args: Parameters<PikkuWorkflowService['scheduleSleep']>
  ): Promise<boolean> {
    await this.#beforeEffects()
    return super.scheduleSleep(...args)
  }

  protected override async scheduleOrchestratorRetry(
    ...args: Parameters<PikkuWorkflowService['scheduleOrchestratorRetry']>
  ): Promise<void> {
    await this.#beforeEffects()
    return super.scheduleOrchestratorRetry(...args)
  }

  override async orchestrateWorkflow(runId: string, rpc: Rpc): Promise<void> {
    this.#offerQueue()
    return this.outside(() => super.orchestrateWorkflow(runId, rpc))
  }

  override async executeWorkflowSleepCompleted(
    runId: string,
    stepId: string
  ): Promise<void> {
    this.#offerQueue()
    return this.outside(() =>
      super.executeWorkflowSleepCompleted(runId, stepId)
    )
  }

  override async executeWorkflowStep(
    ...args: Parameters<PikkuWorkflowService['executeWorkflowStep']>
  ): Promise<void> {
    const [runId, stepName, rpcName] = args
    const { claims } = this.#context
    const claim: StepClaim = { runId, stepName, rpcName: rpcName ?? null }
    this.#offerQueue()
    await this.outside(() =>
      claims.during(claim, () => super.executeWorkflowStep(...args))
    )
    // Its worker may have died before it could tell the run.
    if (!claim.refusedAs || claim.refusedAs === 'running') return
    const run = await this.getRun(runId)
    if (run?.status === 'running') await this.resumeWorkflow(runId)
  }

  /**
   * The lock of a step. An engine without `claimStepForExecution` takes it to
   * claim a step: read, check, write, release. One script does the same, and
   * heeds the lock of a 0.12 process.
   */
  async withStepLock<T>(
    runId: string,
    stepName: string,
    fn: () => Promise<T>
  ): Promise<T> {
    const { claims, fences, lock, keys } = this.#context
    const claim = this.#claimsAtOnce ? claims.of(runId, stepName) : undefined
    if (claim && !claim.isClaimed) {
      claim.isClaimed = true
      const { rpcName } = claim
      return (await this.claimStepForExecution(runId, stepName, rpcName)) as T
    }
    return lock.withLock(keys.stepLockKey(runId, stepName), async () => {
      try {
        return await fn()
      } finally {
        await fences.settle()
      }
    })
  }

  /**
   * A step is in this context's hands from its call to its end, whatever becomes
   * of it, and a gate until it is found open or shut. A sleep is not: others may
   * go on beside it.
   */
  override createWorkflowWire(
    ...args: Parameters<PikkuWorkflowService['createWorkflowWire']>
  ): ReturnType<PikkuWorkflowService['createWorkflowWire']> {
    const wire = super.createWorkflowWire(...args)
    const [, runId] = args
    const hold = this.#context.fences.heldRun(runId)
    if (hold === undefined) return wire
    const { sleep } = wire
    aroundSteps(wire, runId, (call, body) =>
      this.#inBranch(runId, hold, () =>
        hold.during(() => this.#inCall(call, body))
      )
    )
    wire.sleep = (...call) => this.#inBranch(runId, hold, () => sleep(...call))
    return wire
  }

  /** What the call ends with is no longer in hand, also if it recorded nothing. */
  async #inCall<T>(call: StepCall, body: () => Promise<T>): Promise<T> {
    const { calls, leases } = this.#context
    try {
      return await calls.during(call, body)
    } finally {
      if (call.stepId !== undefined) leases.drop(call.stepId)
    }
  }

  /**
   * A branch that waits for a child run or a timer does not keep the lock. If its
   * body was left meanwhile, then the next replay goes on behind the step, and
   * this branch never does.
   */
  async #inBranch<T>(
    runId: string,
    hold: HeldRun,
    step: () => Promise<T>
  ): Promise<T> {
    // What began outside of the lock is new to every replay: handed over, it
    // would be come upon in the same way again.
    const wasOpen = hold.open
    const [outcome] = await Promise.allSettled([step()])
    if (wasOpen && hold.isLeft && (await this.#handedOver(runId))) {
      return new Promise<T>(() => {})
    }
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  }

  async #handedOver(runId: string): Promise<boolean> {
    if (!hasQueue()) return false
    return this.resumeWorkflow(runId).then(
      () => true,
      () => false
    )
  }

  protected override awaitRunEnd(
    ...args: Parameters<PikkuWorkflowService['awaitRunEnd']>
  ): ReturnType<PikkuWorkflowService['awaitRunEnd']> {
    return this.#context.fences.awaiting(args[0], () =>
      super.awaitRunEnd(...args)
    )
  }

  /** Reentrant: inside a run's own lock the body just runs. */
  async withRunLock<T>(id: string, fn: () => Promise<T>): Promise<T> {
    return this.#runLock.around(id, fn)
  }

  /**
   * Drives a run until it ends or waits.
   *
   * @throws RedisRunInterruptedError if another process drives it or took it
   *   over, or if Redis failed. With a queue, the run is put back into it
   *   first: whatever made this call (a step's result, say) may have come too
   *   late for the other process, and after an outage somebody has to go on.
   * @throws RedisLockTimeoutError if another process drives it and there is
   *   no queue. A child run that its starter found is waited for.
   */
  override async runWorkflowJob(runId: string, rpc: Rpc): Promise<void> {
    const { adopted, fences } = this.#context
    const isAdopted = adopted.delete(runId)
    const inside = fences.holds(runId)
    const drive = (asksForSteps: boolean) =>
      this.#driveOnce(runId, rpc, { inside, isAdopted, asksForSteps })
    try {
      await drive(false)
    } catch (error) {
      if (!isStale(error, runId) || inside) throw error
      // Who adds steps beside it may go on with that: now it asks for each.
      await drive(true)
    }
  }

  async #driveOnce(runId: string, rpc: Rpc, drive: Drive): Promise<void> {
    const { fences } = this.#context
    let entered = false
    try {
      // The engine reads the recorded steps before it takes the lock. Steps
      // that the holder records meanwhile would look undone, and run again.
      await this.#whenFree(runId, drive, async () => {
        entered = true
        // It has ended, or its gate is not for its parent to go through.
        if (drive.isAdopted && !this.#isRunning(runId)) return
        let rests = true
        try {
          await super.runWorkflowJob(runId, rpc)
        } catch (error) {
          rests = isWaiting(error)
          throw error
        } finally {
          if (!drive.inside) await this.#runLock.leave(runId, rests)
        }
      })
    } catch (error) {
      if (entered ? fences.stoppedBy(error) : isOutage(error)) {
        throw await this.#interrupted(runId, error as Error, false)
      }
      const busy = error instanceof RedisLockTimeoutError
      const lost = error instanceof RedisLockLostError
      if (!busy && !lost) throw error
      if (error.key !== this.#context.keys.lockKey(runId)) throw error
      if (busy && !hasQueue()) throw error
      throw await this.#interrupted(runId, error, lost || hasQueue())
    }
  }

  /**
   * Runs the body with the run's lock. The child of a step that somebody else
   * drives, or drove until it died, is waited for: nobody else may come to go on
   * with it.
   */
  async #whenFree(
    runId: string,
    { isAdopted, asksForSteps }: Drive,
    body: () => Promise<void>
  ): Promise<void> {
    const { fences, keys } = this.#context
    const key = keys.lockKey(runId)
    for (;;) {
      try {
        return await this.#runLock.aroundDriver(runId, asksForSteps, body)
      } catch (error) {
        const busy = error instanceof RedisLockTimeoutError && error.key === key
        if (!busy || !isAdopted) throw error
        const stopped = fences.whyStopped()
        if (stopped) throw new RedisRunInterruptedError(runId, stopped, false)
      }
    }
  }

  #isRunning(runId: string): boolean {
    const { run } = this.#context.fences.heldRun(runId)?.first ?? {}
    return !run || toFields(run).get('status') === 'running'
  }

  /**
   * What a driver reads first. The engine leaves a run 'suspended' that goes on
   * behind its gate, and no sweep looks for the driver of a run that waits for
   * a person. A graph that is suspended does not go on.
   */
  protected override async listStepStates(
    runId: string
  ): Promise<NamedStep[] | null> {
    const steps = await super.listStepStates(runId)
    const run = this.#context.fences.heldRun(runId)?.readAhead
    if (
      run?.get('status') === 'suspended' &&
      !isGraph(run.get('workflow') ?? '')
    ) {
      await this.updateRunStatus(runId, 'running')
    }
    return steps
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

  /** Runs the body as if nobody's run or step were in hand here. */
  protected outside<T>(body: () => Promise<T>): Promise<T> {
    const { calls, fences } = this.#context
    return fences.outside(() => calls.outside(body))
  }

  async #beforeEffects(): Promise<void> {
    this.#offerQueue()
    await this.#context.fences.settle()
  }

  /** Whether work goes to a queue, of the application or of this service. */
  protected get isRemote(): boolean {
    this.#offerQueue()
    return hasQueue()
  }

  #offerQueue(): void {
    if (this.#queue) offerQueue(this.#queue)
  }
}

function isStale(error: unknown, runId: string): error is StaleReplayError {
  return error instanceof StaleReplayError && error.runId === runId
}
