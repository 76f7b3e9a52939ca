import type { KeySchema } from '@pikku/redis-core'
import type { RawRedis } from '@pikku/redis-testing'
import { expect } from 'vitest'

/** Fields of a step's hash that an entry of the history has no use for. */
const NOT_IN_HISTORY = new Set(['data', 'operation', 'finish'])

/** Fields that hold text; the others hold a number or JSON. */
const TEXT = new Set([
  'stepId',
  'status',
  'rpcName',
  'retryDelay',
  'fromStepName',
  'childRunId',
  'branchTaken',
])

/** Reads hashes and history as they are stored, and compares field by field. */
export async function expectStepsAgreeWithHistory(
  raw: RawRedis,
  keys: KeySchema,
  runId: string
): Promise<void> {
  const entries = (await raw.command(
    'LRANGE',
    keys.historyKey(runId),
    '0',
    '-1'
  )) as string[]
  const latest = new Map<string, Record<string, unknown>>()
  for (const text of entries) {
    const entry = JSON.parse(text) as Record<string, unknown>
    latest.set(String(entry['stepName']), entry)
  }
  for (const [stepName, { stepName: _, ...entry }] of latest) {
    const flat = (await raw.command(
      'HGETALL',
      keys.stepKey(runId, stepName)
    )) as string[]
    const hash: Record<string, unknown> = {}
    for (let i = 0; i < flat.length; i += 2) {
      const [field, text] = [flat[i]!, flat[i + 1]!]
      if (NOT_IN_HISTORY.has(field) || text === '') continue
      hash[field] = TEXT.has(field) ? text : JSON.parse(text)
    }
    expect(hash, stepName).toEqual(entry)
  }
}
