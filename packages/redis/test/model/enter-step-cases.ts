import type { transitions } from '@pikku/redis-core'
import * as fc from 'fast-check'

export const FENCE = 'token'
export const LEASE_MS = 30_000

/** What a run looks like before the call, and what the call says. */
export interface Case {
  /** How the step came to where it is that the call says is done. */
  readonly done: readonly Call[]
  /** Whether the call ends a step at all. */
  readonly isFirst: boolean
  readonly result: string
  readonly next: string
  readonly fields: Readonly<Record<string, string>>
  readonly fence: string
  readonly runStatus: string
  /** The token of the step's id that the call names. */
  readonly token?: string
  /** A field of the run's or the step's hash as another program wrote it. */
  readonly written?: readonly ['run' | 'step', field: string, value: string]
  /** A key that somebody has put something else at. */
  readonly poisoned?: string | undefined
}

export type Call = readonly [
  name: keyof typeof transitions,
  args: Record<string, string | number>,
  rest?: readonly string[],
]

export const DONE = 'step: "done"'
export const PLAIN: Case = {
  done: [
    ['insertStep', {}, ['data', '{}']],
    ['startStep', { leaseMs: LEASE_MS }],
  ],
  isFirst: false,
  result: '{"total":1}',
  next: 'next',
  fields: { data: 'null' },
  fence: FENCE,
  runStatus: 'running',
}

const name = fc.oneof(
  fc.string({ minLength: 1, unit: 'binary' }),
  fc.constantFrom('next', DONE, '__proto__', '#*:{}', '"status":"running"')
)
const call = fc.constantFrom<Call>(
  ['insertStep', {}, ['data', '{}', 'rpcName', 'rpc', 'retries', '2']],
  ['startStep', { leaseMs: LEASE_MS }],
  ['startStep', { leaseMs: LEASE_MS }],
  ['scheduleStep', {}],
  ['failStep', { error: '{"message":"no"}', attempt: '', retries: 2 }],
  ['retryStep', { status: 'running', leaseMs: LEASE_MS }],
  ['retryStep', { status: 'pending', leaseMs: LEASE_MS }],
  ['succeedStep', { result: '{"a":1}' }],
  ['linkChildRun', { childRunId: 'child', attempt: '' }],
  ['recordBranch', { branchKey: ',"updatedAt":1' }],
  ['updateRunStatus', { status: 'suspended', output: '', error: '' }],
  ['updateRunStatus', { status: 'running', output: '', error: '' }]
)
/** Whatever may have come before such a call. */
export const cases: fc.Arbitrary<Case> = fc.record({
  done: fc
    .array(call, { maxLength: 6 })
    .map((calls): Call[] => [...PLAIN.done, ...calls]),
  isFirst: fc.boolean(),
  result: fc.oneof(
    fc.constant(''),
    fc.jsonValue().map((value) => JSON.stringify(value))
  ),
  next: name,
  fields: fc.record(
    {
      data: fc.constant('null'),
      rpcName: name,
      retries: fc.nat().map(String),
      retryDelay: name,
      fromStepName: name,
    },
    { requiredKeys: ['data'] }
  ),
  fence: fc.constantFrom(FENCE, FENCE, FENCE, 'of another'),
  runStatus: fc.constantFrom('running', 'running', 'running', 'completed'),
})
