import { AsyncLocalStorage } from 'node:async_hooks'
import type { PikkuWorkflowWire, WorkflowRunWire } from '@pikku/core/workflow'

/** A call of a body that makes a step. */
export interface StepCall {
  readonly runId: string
  /** Workflows that the engine may start for it, as the call names them. */
  readonly starts: readonly string[]
  /** The id of the step that was started last. */
  stepId?: string
}

/**
 * Which call of a body the current asynchronous context is in. The engine says
 * of which step a queued child run is the child, and not so of an inline one:
 * its starter, driving its run once more after a crash, would start another.
 *
 * Concurrency: branches are contexts of their own, and so is each child's body.
 *
 * Crash: an inline child is created before its step says which one it is. The
 * next driver derives the same id from the step, so it comes upon the child in
 * whatever state that is.
 */
export class StepCalls {
  readonly #current = new AsyncLocalStorage<StepCall | undefined>()

  during<T>(call: StepCall, body: () => Promise<T>): Promise<T> {
    return this.#current.run(call, body)
  }

  /** Runs the body as in no call: a queue may work inside of this process. */
  outside<T>(body: () => Promise<T>): Promise<T> {
    return this.#current.run(undefined, body)
  }

  /** The call that makes steps of that run in this context. */
  of(runId: string): StepCall | undefined {
    const call = this.#current.getStore()
    return call?.runId === runId ? call : undefined
  }

  /**
   * Where the id of a new run comes from, if it is the inline child of a step.
   * What a step's own function starts is not: it may start any number of runs.
   */
  originOf(workflow: string, wire: WorkflowRunWire): string | undefined {
    const call = this.of(wire.parentRunId ?? '')
    const isChild =
      call?.stepId !== undefined &&
      wire.type === 'workflow' &&
      wire.id === workflow &&
      call.starts.some(
        (name) => name === workflow || workflow.endsWith(`:${name}`)
      )
    return isChild ? `${call.stepId}:${workflow}` : undefined
  }
}

type Method = (...args: unknown[]) => Promise<unknown>

/** Makes each call of a body that makes a step go through `around`. */
export function aroundSteps(
  wire: PikkuWorkflowWire,
  runId: string,
  around: (call: StepCall, body: () => Promise<unknown>) => Promise<unknown>
): void {
  const step = wire.do as Method
  const approval = wire.approval as Method
  const suspend = wire.suspend as Method
  const gate = (body: () => Promise<unknown>) =>
    around({ runId, starts: [] }, body)
  wire.do = ((...args: unknown[]) =>
    around({ runId, starts: startedBy(args) }, () =>
      step(...args)
    )) as typeof wire.do
  wire.approval = ((...args: unknown[]) =>
    gate(() => approval(...args))) as typeof wire.approval
  wire.suspend = ((...args: unknown[]) =>
    gate(() => suspend(...args))) as typeof wire.suspend
}

/** What a call of `do` names: its function, and that of its compensation. */
function startedBy(args: readonly unknown[]): string[] {
  const [, rpcName, , options] = args
  const { onError } = (options ?? {}) as { onError?: unknown }
  if (typeof rpcName !== 'string') return []
  return typeof onError === 'string' ? [rpcName, onError] : [rpcName]
}
