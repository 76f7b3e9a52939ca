import type { StepState, WorkflowStepOptions } from '@pikku/core/workflow'
import { RedisArgumentError } from '@pikku/redis-core'
import { durationMs } from './duration.js'
import type { StoreContext } from './store-context.js'

export interface NewStep {
  rpcName: string | null
  data: unknown
  options?: WorkflowStepOptions | undefined
  fromStepName?: string | undefined
}

/** A step as it is when it was just added. Times are this process's own. */
export function newStepState(
  stepId: string,
  { rpcName, options, fromStepName }: NewStep
): StepState {
  const now = new Date()
  return {
    stepId,
    status: 'pending',
    rpcName,
    attemptCount: 1,
    retries: options?.retries,
    retryDelay: options?.retryDelay?.toString(),
    fromStepName,
    createdAt: now,
    updatedAt: now,
  }
}

/**
 * A new step's fields: field, value, field, value.
 *
 * @throws RedisArgumentError for retries that are no whole number.
 */
export function newStepFields(
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
  const retryDelay = options?.retryDelay
  const fields: string[] = []
  const add = (field: string, value: string | number | null | undefined) => {
    if (value === undefined || value === null || value === '') return
    fields.push(field, String(value))
  }
  add('rpcName', rpcName)
  add('data', encode(data, `The input of step '${stepName}' of run '${runId}'`))
  add('retries', retries)
  add('retryDelay', retryDelay)
  add('retryDelayMs', durationMs(retryDelay))
  add('fromStepName', fromStepName)
  return fields
}
