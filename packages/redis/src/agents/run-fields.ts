import type { AgentRunRow, AgentRunState } from '@pikku/core/agent'
import { RedisArgumentError, requiredName } from '@pikku/redis-core'
import { optionalNumber, required, requiredDate } from '../common/hash.js'
import { decodeJson } from '../common/json.js'
import type { AgentContext } from './agent-context.js'
import { approvalsFromFields } from './approval-fields.js'

/** The fields of 0.12, and the error message, which it does not read. */
export const RUN_FIELDS = [
  'runId',
  'agentName',
  'threadId',
  'resourceId',
  'status',
  'errorMessage',
  'suspendReason',
  'missingRpcs',
  'usageInputTokens',
  'usageOutputTokens',
  'usageModel',
  'createdAt',
  'updatedAt',
] as const

const OPTIONAL = ['errorMessage', 'suspendReason', 'missingRpcs'] as const

/** What a run is given, as fields to set and fields to clear. */
export interface RunChange {
  set: string[]
  clear: string[]
}

/**
 * A field that is there and undefined is cleared, as in Pikku's own store in
 * memory; what a run cannot be without is left as it is.
 */
export function runChange(
  updates: Partial<AgentRunState>,
  what: string,
  encode: AgentContext['encode']
): RunChange {
  const change: RunChange = { set: [], clear: [] }
  const set = (field: string, value: string | number) =>
    change.set.push(field, String(value))
  for (const field of OPTIONAL) {
    const value = updates[field]
    if (value === undefined || value === null) {
      if (field in updates) change.clear.push(field)
      continue
    }
    const json = encode(value, `The ${field} of ${what}`)
    set(field, typeof value === 'string' ? value : json)
  }
  if (updates.status !== undefined) {
    set('status', requiredName(`The status of ${what}`, updates.status))
  }
  if (updates.usage !== undefined) {
    const { inputTokens, outputTokens, model } = updates.usage
    set('usageInputTokens', tokens(inputTokens, what))
    set('usageOutputTokens', tokens(outputTokens, what))
    set('usageModel', model ?? '')
  }
  return change
}

/** A count that no provider told, so that sums of it are NaN, is 0. */
function tokens(count: unknown, what: string): number {
  if (count === undefined || Number.isNaN(count)) return 0
  if (typeof count === 'number' && Number.isFinite(count)) return count
  throw new RedisArgumentError(
    `The usage of ${what} must be numbers, not ${String(count)}`
  )
}

/** A run as HGETALL gives it; null if it is not there. */
export function runStateFromFields(
  fields: ReadonlyMap<string, string>,
  key: string
): AgentRunState | null {
  const row = runRowFromFields(fields, key)
  if (!row) return null
  const { usageInputTokens, usageOutputTokens, usageModel, ...run } = row
  return {
    ...run,
    status: run.status as AgentRunState['status'],
    suspendReason: run.suspendReason as AgentRunState['suspendReason'],
    pendingApprovals: approvalsFromFields(fields, key),
    usage: {
      inputTokens: usageInputTokens,
      outputTokens: usageOutputTokens,
      model: usageModel,
    },
  }
}

export function runRowFromFields(
  fields: ReadonlyMap<string, string>,
  key: string
): AgentRunRow | null {
  if (!fields.get('runId')) return null
  const number = (field: string) =>
    optionalNumber(fields.get(field), key, field) ?? 0
  return {
    runId: required(fields, key, 'runId'),
    agentName: required(fields, key, 'agentName'),
    threadId: required(fields, key, 'threadId'),
    resourceId: required(fields, key, 'resourceId'),
    status: required(fields, key, 'status'),
    errorMessage: fields.get('errorMessage') || undefined,
    suspendReason: fields.get('suspendReason') || undefined,
    missingRpcs: decodeJson(fields.get('missingRpcs'), key, 'missingRpcs'),
    usageInputTokens: number('usageInputTokens'),
    usageOutputTokens: number('usageOutputTokens'),
    usageModel: fields.get('usageModel') ?? '',
    createdAt: requiredDate(fields.get('createdAt'), key, 'createdAt'),
    updatedAt: requiredDate(fields.get('updatedAt'), key, 'updatedAt'),
  }
}
