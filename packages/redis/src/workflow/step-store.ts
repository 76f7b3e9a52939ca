import type { StepState } from '@pikku/core/workflow'
import {
  DEFAULT_STEP_RETRIES,
  WorkflowStepFunctionMismatchError,
} from '@pikku/core/workflow'
import {
  type Outcome,
  RedisStepConflictError,
  RedisStepNotFoundError,
  randomToken,
  type Transition,
  type TransitionCall,
  transitionOf,
  transitions,
} from '@pikku/redis-core'
import { toFields } from '../common/hash.js'
import { decodeJson } from '../common/json.js'
import { type NewStep, newStepFields, newStepState } from './new-step.js'
import { serializeError } from './serialized-error.js'
import { StaleReplayError } from './stale-replay-error.js'
import { stepFromHash } from './step-state.js'
import { assertAccepted, type StoreContext } from './store-context.js'

/** Steps: one hash each, and one transition for each change. */
export class StepStore {
  readonly #context: StoreContext

  constructor(context: StoreContext) {
    this.#context = context
  }

  /**
   * A step that exists is returned as it is, whoever created it. The driver of
   * a run, which has read all of its steps, goes on with a new one at once.
   */
  async insert(
    runId: string,
    stepName: string,
    step: NewStep
  ): Promise<StepState> {
    const { keys, writer, encode } = this.#context
    const stepId = keys.stepId(runId, stepName, randomToken())
    const fields = newStepFields(runId, stepName, step, encode)
    if (!writer.isNew(runId, stepName)) {
      const insert = transitionOf(
        transitions.insertStep,
        { stepId },
        stepName,
        fields
      )
      return this.#state(await writer.write(runId, insert), runId, stepName)
    }
    const add = transitionOf(transitions.addStep, { stepId }, stepName, fields)
    await writer.defer(runId, add, (outcome) => {
      assertAccepted(outcome, this.#context, runId, stepName)
      if (outcome.code === 'conflict') {
        throw new StaleReplayError(runId, stepName)
      }
    })
    return newStepState(stepId, step)
  }

  /** @throws RedisStepNotFoundError */
  async get(runId: string, stepName: string): Promise<StepState> {
    return (await this.read(runId, stepName)).step
  }

  /**
   * The step with its input.
   *
   * @throws RedisStepNotFoundError
   */
  async read(
    runId: string,
    stepName: string
  ): Promise<{ step: StepState; data: unknown }> {
    const { runner, keys, fences } = this.#context
    const key = keys.stepKey(runId, stepName)
    const fields = toFields(
      await fences.read(runId, () => runner.send('HGETALL', key))
    )
    if (!fields.has('stepId')) throw new RedisStepNotFoundError(runId, stepName)
    return {
      step: stepFromHash(fields, key),
      data: decodeJson(fields.get('data'), key, 'data'),
    }
  }

  async schedule(stepId: string): Promise<void> {
    // 'kept' is no news: the worker was faster than its dispatcher.
    await this.#write(transitions.scheduleStep, { stepId })
  }

  async start(stepId: string): Promise<void> {
    const { leases, calls, keys } = this.#context
    const { leaseMs } = leases
    const call = calls.of(keys.parseStepId(stepId).runId)
    if (call) call.stepId = stepId
    const { code, detail } = await this.#write(transitions.startStep, {
      stepId,
      leaseMs,
    })
    if (code === 'ok') leases.hold(stepId, Number(detail[0]))
    else if (detail[0] === 'succeeded') this.#late(stepId, 'running')
  }

  /** Nobody acts on a result before another write or a read. */
  async succeed(stepId: string, result: unknown): Promise<void> {
    const { writer, encode } = this.#context
    const text = encode(result, `The result of step '${stepId}'`)
    this.#end(stepId)
    const { runId, call } = this.#call(transitions.succeedStep, {
      stepId,
      result: text,
    })
    await writer.defer(runId, call, (outcome) => {
      this.#accept(outcome, stepId)
      if (outcome.code === 'kept') this.#late(stepId, 'result')
    })
  }

  async fail(stepId: string, error: unknown): Promise<void> {
    const attempt = this.#end(stepId)
    const what = `The error of step '${stepId}'`
    const text = this.#context.encodeError(serializeError(error), what)
    const { code, detail } = await this.#write(transitions.failStep, {
      stepId,
      error: text,
      attempt: attempt ?? '',
      retries: DEFAULT_STEP_RETRIES,
    })
    if (code !== 'kept' || detail[0] === 'failed') return
    this.#late(stepId, 'error')
  }

  async linkChildRun(stepId: string, childRunId: string): Promise<void> {
    // From here on the step is in the hands of the child.
    const attempt = this.#end(stepId)
    const { fences, keys } = this.#context
    fences.heldRun(keys.parseStepId(stepId).runId)?.link(childRunId)
    await this.#write(transitions.linkChildRun, {
      stepId,
      childRunId,
      attempt: attempt ?? '',
    })
  }

  async recordBranch(stepId: string, branchKey: string): Promise<void> {
    await this.#write(transitions.recordBranch, { stepId, branchKey })
  }

  /** @throws RedisStepConflictError if somebody else retried it first. */
  async retry(
    stepId: string,
    status: 'pending' | 'running'
  ): Promise<StepState> {
    const { keys, leases } = this.#context
    const { leaseMs } = leases
    const { runId, stepName } = keys.parseStepId(stepId)
    const outcome = await this.#write(transitions.retryStep, {
      stepId,
      status,
      leaseMs,
    })
    if (outcome.code === 'kept') {
      const [kept = '', attempt = ''] = outcome.detail
      throw new RedisStepConflictError(runId, stepName, kept, attempt)
    }
    const step = this.#state(outcome, runId, stepName)
    if (status === 'running') leases.hold(stepId, step.attemptCount)
    return step
  }

  /**
   * Gives the step to the caller, or `null` if it runs, has succeeded, or has
   * no attempt left.
   *
   * @throws WorkflowStepFunctionMismatchError if the step was recorded with
   *   another function than the one that the caller was told to run.
   * @throws RedisLockTimeoutError if a process of 0.12 claims it all the time.
   */
  async claim(
    runId: string,
    stepName: string,
    rpcName: string | null
  ): Promise<StepState | null> {
    const { leases, lock, keys, claims } = this.#context
    const claim = transitionOf(
      transitions.claimStep,
      {
        rpcName: rpcName ?? '',
        leaseMs: leases.leaseMs,
        retries: DEFAULT_STEP_RETRIES,
      },
      stepName
    )
    const outcome = await lock.whenFree(
      keys.stepLockKey(runId, stepName),
      () => this.#context.writer.write(runId, claim),
      ({ code }) => code !== 'held'
    )
    const own = claims.of(runId, stepName)
    if (outcome.code === 'kept') {
      if (own) own.refusedAs = outcome.detail[0] ?? ''
      return null
    }
    if (outcome.code === 'mismatch') {
      throw new WorkflowStepFunctionMismatchError(runId, stepName)
    }
    const step = this.#state(outcome, runId, stepName)
    if (own) own.attempt = step.attemptCount
    leases.hold(step.stepId, step.attemptCount)
    return step
  }

  async results(
    runId: string,
    stepNames: string[]
  ): Promise<Record<string, unknown>> {
    if (stepNames.length === 0) return {}
    const { runner, keys, fences } = this.#context
    const names = [...new Set(stepNames)]
    const replies = await fences.read(runId, () =>
      runner.sendAll(
        names.map((name) => [
          'HMGET',
          keys.stepKey(runId, name),
          'status',
          'result',
        ])
      )
    )
    const results: Array<[string, unknown]> = []
    for (const [i, name] of names.entries()) {
      const [status, result] = replies[i] as [string | null, string | null]
      if (status !== 'succeeded' || !result) continue
      const key = keys.stepKey(runId, name)
      results.push([name, decodeJson(result, key, 'result')])
    }
    return Object.fromEntries(results)
  }

  /** Makes a transition of the step with that id, and waits for it. */
  async #write<Arg extends string>(
    transition: Transition<Arg>,
    args: Record<Arg, string | number> & { stepId: string }
  ): Promise<Outcome<string>> {
    const { runId, call } = this.#call(transition, args)
    const outcome = await this.#context.writer.write(runId, call)
    this.#accept(outcome, args.stepId)
    return outcome
  }

  #call<Arg extends string>(
    transition: Transition<Arg>,
    args: Record<Arg, string | number> & { stepId: string }
  ): { runId: string; call: TransitionCall } {
    const { runId, stepName } = this.#context.keys.parseStepId(args.stepId)
    return { runId, call: transitionOf(transition, args, stepName) }
  }

  /** The caller's attempt is over; which one, if the caller is its worker. */
  #end(stepId: string): number | undefined {
    const { claims, keys, leases } = this.#context
    const { runId, stepName } = keys.parseStepId(stepId)
    const attempt = claims.of(runId, stepName)?.attempt
    leases.drop(stepId, attempt)
    return attempt
  }

  #accept(outcome: Outcome<string>, stepId: string): void {
    const { runId, stepName } = this.#context.keys.parseStepId(stepId)
    assertAccepted(outcome, this.#context, runId, stepName)
  }

  #state(outcome: Outcome<string>, runId: string, stepName: string): StepState {
    const { keys } = this.#context
    assertAccepted(outcome, this.#context, runId, stepName)
    return stepFromHash(toFields(outcome.detail), keys.stepKey(runId, stepName))
  }

  #late(stepId: string, what: string): void {
    const { runId, stepName } = this.#context.keys.parseStepId(stepId)
    this.#context.onKept(
      `Step '${stepName}' of run '${runId}' has a result or a later attempt: ` +
        `a late ${what} is ignored`
    )
  }
}
