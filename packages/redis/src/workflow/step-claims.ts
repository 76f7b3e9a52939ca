import { AsyncLocalStorage } from 'node:async_hooks'

/** A message's step, in the hands of the worker that got the message. */
export interface StepClaim {
  readonly runId: string
  readonly stepName: string
  readonly rpcName: string | null
  /** Whether the claim was made. */
  isClaimed?: boolean
  /** The status of a step that was not to be had. */
  refusedAs?: string
  /** The attempt that the worker was given, once it has one. */
  attempt?: number
}

/**
 * Which step the current asynchronous context works on. What its worker says of
 * the step is about the attempt that it was given: a worker that lost its step
 * and comes back says nothing about another worker's.
 */
export class StepClaims {
  readonly #current = new AsyncLocalStorage<StepClaim>()

  during<T>(claim: StepClaim, body: () => Promise<T>): Promise<T> {
    return this.#current.run(claim, body)
  }

  /** The claim of that step, if this is its worker. */
  of(runId: string, stepName: string): StepClaim | undefined {
    const claim = this.#current.getStore()
    return claim?.runId === runId && claim.stepName === stepName
      ? claim
      : undefined
  }
}
