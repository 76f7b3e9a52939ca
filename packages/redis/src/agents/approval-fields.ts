import type { PendingApproval } from '@pikku/core/agent'
import {
  RedisArgumentError,
  RedisCorruptDataError,
  requiredName,
} from '@pikku/redis-core'
import { decodeJson } from '../common/json.js'
import type { AgentContext } from './agent-context.js'

const APPROVAL = 'approval:'
/** `{when, in us}:{place}:{JSON}`: see `lib/approvals.lua`. */
const STORED = /^\d{16}:(\d+):(.*)$/s

interface StoredApproval {
  place: number
  approval: PendingApproval
}

export const approvalField = (toolCallId: string) => APPROVAL + toolCallId

/** @throws RedisCorruptDataError */
export function approvalFromField(
  value: string,
  key: string,
  field: string
): StoredApproval {
  const [, place, json] = STORED.exec(value) ?? []
  const approval = decodeJson<PendingApproval>(json, key, field)
  if (typeof approval !== 'object' || approval === null) {
    throw new RedisCorruptDataError(key, field, 'it is no approval')
  }
  return { place: Number(place), approval }
}

/** For a script: id, JSON, id, JSON. */
export function encodeApprovals(
  approvals: readonly PendingApproval[],
  encode: AgentContext['encode']
): string[] {
  if (!Array.isArray(approvals)) {
    throw new RedisArgumentError('pendingApprovals must be a list')
  }
  const encoded = approvals.map((approval): [string, string] => {
    const id = requiredName('A toolCallId', approval?.toolCallId)
    return [id, encode(approval, `The approval '${id}'`)]
  })
  // One call can be decided once.
  return [...new Map(encoded)].flat()
}

/** What is pending, in the order in which it was given; undefined for none. */
export function approvalsFromFields(
  fields: ReadonlyMap<string, string>,
  key: string
): PendingApproval[] | undefined {
  const found: StoredApproval[] = []
  for (const [field, value] of fields) {
    if (!field.startsWith(APPROVAL)) continue
    found.push(approvalFromField(value, key, field))
  }
  if (found.length === 0) return undefined
  return found
    .toSorted((a, b) => a.place - b.place)
    .map(({ approval }) => approval)
}
