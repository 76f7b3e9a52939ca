import type { StepState, StepStatus } from '@pikku/core/workflow'
import { RedisCorruptDataError } from '@pikku/redis-core'
import {
  optionalDate,
  optionalNumber,
  required,
  requiredDate,
} from '../common/hash.js'
import { decodeJson } from '../common/json.js'
import type { SerializedError } from './serialized-error.js'

/** One attempt of a step, as the history holds it. */
export interface Attempt {
  stepName: string
  state: StepState
  branchTaken?: string | undefined
  /** Begun for a message of a queue, not by the run's own driver. */
  queued: boolean
}

/** A step from its hash. */
export function stepFromHash(
  fields: ReadonlyMap<string, string>,
  key: string
): StepState {
  const result = fields.get('result')
  const error = fields.get('error')
  return {
    ...stepFrom((field) => fields.get(field) || undefined, key),
    stepId: required(fields, key, 'stepId'),
    result: decodeJson(result, key, 'result'),
    error: decodeJson<SerializedError>(error, key, 'error'),
  }
}

/**
 * An attempt from its entry in the history.
 *
 * @throws RedisCorruptDataError for an entry that is not ours.
 */
export function attemptFromEntry(
  text: string,
  key: string,
  position: number
): Attempt {
  const where = `[${position}]`
  const entry = decodeJson<Record<string, unknown>>(text, key, where)
  if (
    typeof entry !== 'object' ||
    entry === null ||
    typeof entry['stepName'] !== 'string' ||
    typeof entry['stepId'] !== 'string'
  ) {
    throw new RedisCorruptDataError(key, where, 'it is no attempt of a step')
  }
  const read = (field: string): string | undefined => {
    const value = entry[field]
    return value === undefined || value === '' ? undefined : String(value)
  }
  return {
    stepName: entry['stepName'],
    branchTaken: read('branchTaken'),
    queued: read('queued') !== undefined,
    state: {
      ...stepFrom(read, key),
      stepId: entry['stepId'],
      result: entry['result'],
      error: entry['error'] as SerializedError | undefined,
    },
  }
}

function stepFrom(
  read: (field: string) => string | undefined,
  key: string
): Omit<StepState, 'stepId' | 'result' | 'error'> {
  const date = (field: string) => optionalDate(read(field), key, field)
  const status = read('status')
  if (status === undefined) {
    throw new RedisCorruptDataError(key, 'status', 'it is missing')
  }
  return {
    status: status as StepStatus,
    rpcName: read('rpcName') ?? null,
    attemptCount:
      optionalNumber(read('attemptCount'), key, 'attemptCount') ?? 1,
    retries: optionalNumber(read('retries'), key, 'retries'),
    retryDelay: read('retryDelay'),
    fromStepName: read('fromStepName'),
    childRunId: read('childRunId'),
    createdAt: requiredDate(read('createdAt'), key, 'createdAt'),
    updatedAt: requiredDate(read('updatedAt'), key, 'updatedAt'),
    scheduledAt: date('scheduledAt'),
    runningAt: date('runningAt'),
    succeededAt: date('succeededAt'),
    failedAt: date('failedAt'),
  }
}
