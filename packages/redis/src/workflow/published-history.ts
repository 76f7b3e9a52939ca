import { optionalNumber } from '../common/hash.js'
import { decodeJson } from '../common/json.js'

/** An entry of our history, and when its attempt began. */
export interface Entry {
  stepName: string
  createdAt: number
  attempt: number
  text: string
  /** The times of the attempt, for the step's hash: field, ms, field, ms. */
  stamps: string
}

const TEXT = [
  'stepId',
  'status',
  'rpcName',
  'retryDelay',
  'fromStepName',
  'childRunId',
  'branchTaken',
]
const NUMBERS = [
  'attemptCount',
  'retries',
  'createdAt',
  'updatedAt',
  'scheduledAt',
  'runningAt',
  'succeededAt',
  'failedAt',
  'queued',
]
const STAMPS: ReadonlySet<string> = new Set(
  NUMBERS.filter((field) => field.endsWith('At') && field !== 'updatedAt')
)
/** JSON already: moved as it is. */
const JSON_TEXT = ['result', 'error']
/** What belongs to the step, and not to one of its attempts. */
const OF_STEP = ['stepId', 'rpcName', 'fromStepName', 'retries', 'retryDelay']

/**
 * The attempts of a step that 0.12 wrote: the latest one from the step's hash,
 * which is ahead of the history if 0.12 died between the two writes, the ones
 * before from its own sorted set.
 */
export function entriesOfPublishedStep(
  stepName: string,
  hash: ReadonlyMap<string, string>,
  recorded: readonly string[],
  key: string
): Entry[] {
  const latest =
    optionalNumber(hash.get('attemptCount'), key, 'attemptCount') ?? 1
  const attempts = new Map<number, Map<string, string>>()
  for (const [i, text] of recorded.entries()) {
    const fields = fieldsOf(
      decodeJson<Record<string, unknown>>(text, key, `[${i}]`) ?? {}
    )
    attempts.set(Number(fields.get('attemptCount')), fields)
  }
  const earlier = [...attempts]
    .filter(([attempt]) => attempt < latest)
    .toSorted(([a], [b]) => a - b)
  return [
    ...earlier.map(([attempt, fields]) => {
      for (const field of OF_STEP) {
        const value = hash.get(field)
        if (value && !fields.has(field)) fields.set(field, value)
      }
      const stamps = ['failedAt', 'succeededAt', 'runningAt', 'createdAt']
      const last = stamps.map((field) => fields.get(field)).find(Boolean)
      return entry(stepName, fields.set('updatedAt', last ?? '0'), attempt)
    }),
    entry(stepName, withStamps(hash, attempts.get(latest), latest), latest),
  ]
}

/**
 * The hash, with the times of its attempt. 0.12 keeps those in the history
 * only, and leaves the `createdAt` of the first attempt in the hash for ever.
 */
function withStamps(
  hash: ReadonlyMap<string, string>,
  recorded: ReadonlyMap<string, string> | undefined,
  attempt: number
): Map<string, string> {
  const stamped = new Map(hash)
  const status = hash.get('status')
  for (const field of ['scheduledAt', 'runningAt', `${status}At`]) {
    const value = recorded?.get(field)
    if (value && STAMPS.has(field) && !hash.has(field)) {
      stamped.set(field, value)
    }
  }
  const began = recorded?.get('createdAt')
  // An attempt that ours began has its own time in the hash already.
  if (began && attempt > 1 && began > (hash.get('createdAt') ?? '')) {
    stamped.set('createdAt', began)
  }
  return stamped
}

function entry(
  stepName: string,
  fields: ReadonlyMap<string, string>,
  attempt: number
): Entry {
  const parts = [`"stepName":${JSON.stringify(stepName)}`]
  const add = (field: string, text: string | undefined) => {
    if (text) parts.push(`"${field}":${text}`)
  }
  for (const field of TEXT) {
    const value = fields.get(field)
    add(field, value && JSON.stringify(value))
  }
  for (const field of NUMBERS) {
    const value = fields.get(field)
    add(field, value && Number.isFinite(Number(value)) ? value : undefined)
  }
  for (const field of JSON_TEXT) add(field, fields.get(field))
  const stamps = [...fields].flatMap(([field, value]) =>
    STAMPS.has(field) && /^\d+$/.test(value) ? [`${field} ${value}`] : []
  )
  return {
    stepName,
    createdAt: Number(fields.get('createdAt') ?? 0),
    attempt,
    text: `{${parts.join(',')}}`,
    stamps: stamps.join(' '),
  }
}

function fieldsOf(record: Record<string, unknown>): Map<string, string> {
  return new Map(
    Object.entries(record).flatMap(([field, value]) =>
      value === undefined || value === null ? [] : [[field, String(value)]]
    )
  )
}
