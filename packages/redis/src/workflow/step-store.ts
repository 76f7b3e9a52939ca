import { randomBytes } from 'node:crypto'
import type { StepState, WorkflowStepOptions } from '@pikku/core/workflow'
import { WorkflowStepFunctionMismatchError } from '@pikku/core/workflow'
import {
  type KeySchema,
  type Outcome,
  RedisArgumentError,
  RedisStepConflictError,
  RedisStepNotFoundError,
  type Script,
  stepScripts,
} from '@pikku/redis-core'
import { toFields } from './hash.js'
import { decodeJson } from './json.js'
import { serializeError } from './serialized-error.js'
import { stepFromHash } from './step-state.js'
import { assertAccepted, type StoreContext } from './store-context.js'

export interface NewStep {
  rpcName: string | null
  data: unknown
  options?: WorkflowStepOptions | undefined
  fromStepName?: string | undefined
}

type StepKey = (typeof stepScripts.insertStep)['keys'][number]
type StepCode = 'ok' | 'kept' | 'no-run' | 'no-step' | 'lost'

/** Steps: one hash each, and one script for each transition. */
export class StepStore {
  readonly #context: StoreContext

  constructor(context: StoreContext) {
    this.#context = context
  }

  /** A step that exists is returned as it is, whoever created it. */
  async insert(
    runId: string,
    stepName: string,
    step: NewStep
  ): Promise<StepState> {
    const { runner, keys, fences, encode } = this.#context
    const call = {
      keys: stepScriptKeys(this.#context.keys, runId, stepName),
      args: {
        fence: fences.tokenOf(runId),
        stepName,
        stepId: keys.stepId(runId, stepName, token()),
      },
      rest: newStepFields(runId, stepName, step, encode),
    }
    const outcome = await fences.guard(runId, () =>
      runner.run(stepScripts.insertStep, call)
    )
    return this.#state(outcome, runId, stepName)
  }

  /** @throws RedisStepNotFoundError */
  async get(runId: string, stepName: string): Promise<StepState> {
    const { runner, keys, fences } = this.#context
    const key = keys.stepKey(runId, stepName)
    const fields = toFields(
      await fences.guard(runId, () => runner.send('HGETALL', key))
    )
    if (!fields.has('stepId')) throw new RedisStepNotFoundError(runId, stepName)
    return stepFromHash(fields, key)
  }

  async schedule(stepId: string): Promise<void> {
    // 'kept' is no news: the worker was faster than its dispatcher.
    await this.#transition(stepScripts.scheduleStep, stepId, {})
  }

  async start(stepId: string): Promise<void> {
    const { leases } = this.#context
    const { code, detail } = await this.#run(stepScripts.startStep, stepId, {
      leaseMs: leases.leaseMs,
    })
    if (code === 'ok') leases.hold(stepId, Number(detail[0]))
    else if (detail[0] === 'succeeded') this.#late(stepId, 'running')
  }

  async succeed(stepId: string, result: unknown): Promise<void> {
    const kept = await this.#transition(stepScripts.succeedStep, stepId, {
      result: this.#context.encode(result, `The result of step '${stepId}'`),
    })
    this.#context.leases.drop(stepId)
    if (kept) this.#late(stepId, 'result')
  }

  async fail(stepId: string, error: unknown): Promise<void> {
    const kept = await this.#transition(stepScripts.failStep, stepId, {
      error: this.#context.encodeError(
        serializeError(error),
        `The error of step '${stepId}'`
      ),
    })
    this.#context.leases.drop(stepId)
    if (kept === 'succeeded') this.#late(stepId, 'error')
  }

  async linkChildRun(stepId: string, childRunId: string): Promise<void> {
    await this.#transition(stepScripts.linkChildRun, stepId, { childRunId })
    this.#context.leases.drop(stepId)
  }

  async recordBranch(stepId: string, branchKey: string): Promise<void> {
    await this.#transition(stepScripts.recordBranch, stepId, { branchKey })
  }

  /** @throws RedisStepConflictError if somebody else retried it first. */
  async retry(
    stepId: string,
    status: 'pending' | 'running'
  ): Promise<StepState> {
    const { runId, stepName } = this.#context.keys.parseStepId(stepId)
    const outcome = await this.#run(stepScripts.retryStep, stepId, {
      status,
      leaseMs: this.#context.leases.leaseMs,
    })
    if (outcome.code === 'kept') {
      const [status = '', attempt = ''] = outcome.detail
      throw new RedisStepConflictError(runId, stepName, status, attempt)
    }
    const step = this.#state(outcome, runId, stepName)
    if (status === 'running') {
      this.#context.leases.hold(stepId, step.attemptCount)
    }
    return step
  }

  /**
   * Gives the step to the caller, or `null` if it runs or has succeeded.
   *
   * @throws WorkflowStepFunctionMismatchError if the step was recorded with
   *   another function than the one that the caller was told to run.
   */
  async claim(
    runId: string,
    stepName: string,
    rpcName: string | null
  ): Promise<StepState | null> {
    const { runner, fences, leases } = this.#context
    const call = {
      keys: stepScriptKeys(this.#context.keys, runId, stepName),
      args: {
        fence: fences.tokenOf(runId),
        stepName,
        rpcName: rpcName ?? '',
        leaseMs: leases.leaseMs,
      },
    }
    const outcome = await fences.guard(runId, () =>
      runner.run(stepScripts.claimStep, call)
    )
    if (outcome.code === 'kept') return null
    if (outcome.code === 'mismatch') {
      throw new WorkflowStepFunctionMismatchError(runId, stepName)
    }
    const step = this.#state(outcome, runId, stepName)
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
    const replies = await fences.guard(runId, () =>
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

  /** Runs a transition; gives the status that was kept, if one was. */
  async #transition<Arg extends string>(
    script: Script<StepKey, Arg, Outcome<string>>,
    stepId: string,
    args: Omit<Record<Arg, string | number>, 'fence' | 'stepName' | 'stepId'>
  ): Promise<string | undefined> {
    const outcome = await this.#run(script, stepId, args)
    return outcome.code === 'kept' ? outcome.detail[0] : undefined
  }

  async #run<Arg extends string>(
    script: Script<StepKey, Arg, Outcome<string>>,
    stepId: string,
    args: Omit<Record<Arg, string | number>, 'fence' | 'stepName' | 'stepId'>
  ): Promise<Outcome<StepCode>> {
    const { runner, keys, fences } = this.#context
    const { runId, stepName } = keys.parseStepId(stepId)
    const call = {
      keys: stepScriptKeys(this.#context.keys, runId, stepName),
      args: {
        ...args,
        fence: fences.tokenOf(runId),
        stepName,
        stepId,
      } as Record<Arg, string | number>,
    }
    const outcome = await fences.guard(runId, () => runner.run(script, call))
    assertAccepted(outcome, this.#context, runId, stepName)
    return outcome as Outcome<StepCode>
  }

  #state(outcome: Outcome<string>, runId: string, stepName: string): StepState {
    const { keys } = this.#context
    assertAccepted(outcome, this.#context, runId, stepName)
    return stepFromHash(toFields(outcome.detail), keys.stepKey(runId, stepName))
  }

  #late(stepId: string, what: string): void {
    const { runId, stepName } = this.#context.keys.parseStepId(stepId)
    this.#context.onKept(
      `Step '${stepName}' of run '${runId}' has succeeded: ` +
        `a late ${what} is ignored`
    )
  }
}

/** The keys of the scripts that change a step. */
export function stepScriptKeys(
  keys: KeySchema,
  runId: string,
  stepName: string
): Record<StepKey, string> {
  const { run, lock, steps, history, pendingSteps } = keys.runKeys(runId)
  const { idle, pending, leases } = keys.indexKeys(runId)
  const step = keys.stepKey(runId, stepName)
  return {
    run,
    lock,
    step,
    steps,
    history,
    pendingSteps,
    idle,
    pending,
    leases,
  }
}

function newStepFields(
  runId: string,
  stepName: string,
  { rpcName, data, options, fromStepName }: NewStep,
  encode: StoreContext['encode']
): string[] {
  const retries = options?.retries
  if (retries !== undefined && !Number.isInteger(retries)) {
    throw new RedisArgumentError(
      `Step '${stepName}' of run '${runId}': retries must be a whole number, ` +
        `not ${String(retries)}`
    )
  }
  const fields: Record<string, string | undefined> = {
    rpcName: rpcName ?? undefined,
    data: encode(data, `The input of step '${stepName}' of run '${runId}'`),
    retries: retries?.toString(),
    retryDelay: options?.retryDelay?.toString(),
    fromStepName,
  }
  return Object.entries(fields).flatMap(([field, value]) =>
    value === undefined || value === '' ? [] : [field, value]
  )
}

function token(): string {
  return randomBytes(12).toString('base64url')
}
