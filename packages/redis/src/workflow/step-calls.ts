import { AsyncLocalStorage } from 'node:async_hooks'
import type { WorkflowRunWire } from '@pikku/core/workflow'

interface StepCall {
  readonly runId: string
  /** The function or workflow that the step calls by its name. */
  readonly rpcName: string
  /** The step's id, once it was started. */
  stepId?: string
}

/**
 * Which step of a body the current asynchronous context is in. The engine says
 * of which step a queued child run is the child, and not so of an inline one:
 * its starter, driving its run once more after a crash, would start another.
 */
export class StepCalls {
  readonly #current = new AsyncLocalStorage<StepCall | undefined>()

  /** @param rpcName Missing for a step that calls a function of the body. */
  during<T>(
    runId: string,
    rpcName: string | undefined,
    step: () => Promise<T>
  ): Promise<T> {
    const call = rpcName === undefined ? undefined : { runId, rpcName }
    return this.#current.run(call, step)
  }

  /** The step of this context that is called begins its attempt. */
  started(runId: string, stepId: string): void {
    const call = this.#current.getStore()
    if (call?.runId === runId) call.stepId = stepId
  }

  /**
   * The step that a new run is the child of. What a step's own function starts
   * is not: it may start any number of runs.
   */
  parentOf(workflow: string, wire: WorkflowRunWire): string | undefined {
    if (wire.parentStepId !== undefined) return wire.parentStepId
    const call = this.#current.getStore()
    const isChild =
      call !== undefined &&
      wire.type === 'workflow' &&
      wire.id === workflow &&
      wire.parentRunId === call.runId &&
      (workflow === call.rpcName || workflow.endsWith(`:${call.rpcName}`))
    return isChild ? call.stepId : undefined
  }
}
