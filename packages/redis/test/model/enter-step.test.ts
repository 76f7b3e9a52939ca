import { randomUUID } from 'node:crypto'
import {
  advanceCall,
  enterCall,
  type KeySchema,
  runScripts,
  type Script,
  type ScriptCall,
  type TransitionCall,
  transitionOf,
  transitions,
} from '@pikku/redis-core'
import {
  RawReplyError,
  type RawReply,
  type RawRedis,
} from '@pikku/redis-testing'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { keysOf, openRaw, testPrefix } from '../clients.js'
import {
  type Call,
  type Case,
  cases,
  DONE,
  FENCE,
  LEASE_MS,
  PLAIN,
} from './enter-step-cases.js'

/** Ahead of all clocks: stamps are what comes after the run's last one. */
const CLOCK = 4_000_000_000_000
const OPERATION = 'operation'
const TOKEN = 'abcdefgh'

type Step = [name: string, call: Call]

describe('enter-step', () => {
  const prefix = testPrefix('enter-step')
  let raw: RawRedis
  let keys: KeySchema

  beforeAll(async () => {
    raw = await openRaw()
    keys = keysOf(prefix)
  })
  afterAll(() => raw.close())

  async function evaluate(
    script: Script,
    call: ScriptCall<string, string>,
    operation = OPERATION
  ): Promise<RawReply> {
    const keyList = script.keys.map((name) => call.keys[name]!)
    keyList.push(...(call.moreKeys ?? []))
    const args = script.args.map((name) => String(call.args[name]))
    args.push(...(call.rest ?? []), String(CLOCK), operation)
    const { source } = script
    try {
      return await raw.command(
        'EVAL',
        source,
        keyList.length,
        ...keyList,
        ...args
      )
    } catch (error) {
      if (error instanceof RawReplyError) return 'refused'
      throw error
    }
  }

  function advance(
    runId: string,
    fence: string,
    calls: readonly TransitionCall[],
    operation?: string
  ): Promise<RawReply> {
    const call = advanceCall(keys, runId, fence, calls)
    return evaluate(runScripts.advanceRun, call, operation)
  }

  function enter(
    runId: string,
    fence: string,
    calls: readonly TransitionCall[]
  ): Promise<RawReply> {
    const runKeys = keys.runScriptKeys(runId)
    const call = enterCall(keys, runId, fence, calls, runKeys)
    return call ? evaluate(runScripts.enterStep, call) : Promise.resolve(0)
  }

  const idOf = (runId: string, step: string) => keys.stepId(runId, step, TOKEN)

  const callOf = (
    runId: string,
    step: string,
    [name, args, rest]: Call
  ): TransitionCall =>
    transitionOf(
      transitions[name] as typeof transitions.startStep,
      { stepId: idOf(runId, step), ...args } as never,
      name === 'updateRunStatus' ? undefined : step,
      rest
    )

  /** The run as it is before the call. */
  async function begin(runId: string, { done, runStatus, fence }: Case) {
    const runKeys = keys.runScriptKeys(runId)
    const rest = ['id', runId, 'workflow', 'order', 'inline', '1']
    await evaluate(runScripts.createRun, {
      keys: { ...runKeys },
      args: {},
      rest,
    })
    await raw.command('HSET', runKeys.run, 'clock', CLOCK)
    await raw.command('SET', runKeys.lock, FENCE)
    for (const [i, call] of done.entries()) {
      const calls = [callOf(runId, DONE, call)]
      await advance(runId, FENCE, calls, `before ${i}`)
    }
    if (runStatus !== 'running') {
      const status = { status: runStatus, output: '', error: '' }
      const call = callOf(runId, '', ['updateRunStatus', status])
      await advance(runId, FENCE, [call], 'status')
    }
    if (fence !== FENCE) await raw.command('SET', runKeys.lock, fence)
  }

  /** Everything that is known of the run, but for what the clock says. */
  async function look(runId: string, names: readonly string[]) {
    const { leases, ...runKeys } = keys.runScriptKeys(runId)
    const all = [
      ...Object.values(runKeys),
      ...names.map((name) => keys.stepKey(runId, name)),
    ]
    const seen: Record<string, unknown> = {}
    for (const key of all) seen[key.replaceAll(runId, 'ID')] = await read(key)
    seen['leases'] = await members(leases)
    const text = JSON.stringify(seen).replaceAll(runId, 'ID')
    return JSON.parse(text.replaceAll(/\b1\d{12}\b/g, 'TIME')) as object
  }

  async function read(key: string): Promise<unknown> {
    const type = await raw.command('TYPE', key)
    if (type === 'string') return raw.command('GET', key)
    if (type === 'list') return raw.command('LRANGE', key, 0, -1)
    if (type === 'hash') {
      return Object.fromEntries(pairsOf(await raw.command('HGETALL', key)))
    }
    if (type === 'none' || type === 'set') return type
    return raw.command('ZRANGE', key, 0, -1, 'WITHSCORES')
  }

  async function members(index: string): Promise<unknown> {
    const type = await raw.command('TYPE', index)
    if (type !== 'zset') return type
    const leases = await raw.command('ZRANGE', index, 0, -1, 'WITHSCORES')
    const [seconds] = (await raw.command('TIME')) as [string, string]
    return pairsOf(leases).map(([member, end]) => {
      // Which of two calls was a millisecond later is not what differs.
      const left = Number(end) - Number(seconds) * 1_000
      return [member, left > 0 && left < LEASE_MS + 5_000]
    })
  }

  /** The case once with each of the two scripts; whether the short one made it. */
  async function compare(each: Case) {
    const names = [DONE, each.next]
    const runId = randomUUID()
    const outcomes = []
    for (const way of [enter, advance]) {
      await clear()
      await begin(runId, each)
      const runKeys: Record<string, string> = {
        ...keys.runScriptKeys(runId),
        step: keys.stepKey(runId, DONE),
        next: keys.stepKey(runId, each.next),
      }
      const bad = each.poisoned && runKeys[each.poisoned]
      if (bad) {
        await raw.command('DEL', bad)
        await raw.command('SADD', bad, 'no such thing')
      }
      const [of, field = '', value = ''] = each.written ?? []
      if (of) await raw.command('HSET', runKeys[of]!, field, value)
      const untouched = await look(runId, names)
      const steps: Array<[string, Call]> = [
        [each.next, ['addStep', {}, Object.entries(each.fields).flat()]],
        [each.next, ['startStep', { leaseMs: LEASE_MS }]],
      ]
      if (!each.isFirst) {
        const stepId = keys.stepId(runId, DONE, each.token ?? TOKEN)
        const args = { result: each.result, stepId }
        steps.unshift([DONE, ['succeedStep', args]])
      }
      const calls = steps.map(([step, call]) => callOf(runId, step, call))
      const reply = await way(runId, FENCE, calls)
      outcomes.push({ untouched, reply, after: await look(runId, names) })
    }
    const [entered, advanced] = outcomes as [
      (typeof outcomes)[0],
      (typeof outcomes)[0],
    ]
    const isMade = Number(entered.reply) > 0
    expect(entered.untouched).toEqual(advanced.untouched)
    expect(entered.after).toEqual(isMade ? advanced.after : entered.untouched)
    const answers = isMade
      ? Array.from({ length: Number(entered.reply) }, () => 'ok')
      : []
    expect(answers).toEqual(isMade ? codesOf(advanced.reply) : [])
    return isMade
  }

  /** Indexes are everybody's. */
  async function clear(): Promise<void> {
    const all = (await raw.command('KEYS', `${prefix}:*`)) as string[]
    await Promise.all(all.map((key) => raw.command('DEL', key)))
  }

  test.each<[string, Partial<Case>]>([
    ['a step that follows another one', {}],
    ['the first step', { done: [], isFirst: true }],
    ['a result of nothing', { result: '' }],
    [
      'options of a step',
      {
        fields: {
          data: '{"a":[]}',
          rpcName: 'charge "now"',
          retries: '3',
          retryDelay: '5s',
          retryDelayMs: '5000',
          fromStepName: 'before',
        },
      },
    ],
    [
      'names and results that look like an entry',
      {
        next: ',"status":"running","updatedAt":4000000000003',
        result: '{"a":",\\"status\\":\\"running\\"","status":"running"}',
      },
    ],
    [
      'a step that was retried',
      {
        done: [
          ...PLAIN.done,
          ['failStep', { error: '{"message":"no"}', attempt: '', retries: 2 }],
          ['retryStep', { status: 'running', leaseMs: LEASE_MS }],
        ],
      },
    ],
    [
      'a step that has a child run',
      {
        done: [
          ...PLAIN.done,
          ['scheduleStep', {}],
          ['linkChildRun', { childRunId: 'child', attempt: '' }],
          ['recordBranch', { branchKey: 'left' }],
        ],
      },
    ],
  ])('is made for %s, and writes what advance-run writes', async (_, each) => {
    expect(await compare({ ...PLAIN, ...each })).toBe(true)
  })

  test.each<[string, Partial<Case>]>([
    ['a step that is there already', { next: DONE, isFirst: true }],
    ['a lost lock', { fence: 'of another' }],
    ['a run that was suspended', { runStatus: 'suspended' }],
    ['a run that has ended', { runStatus: 'cancelled' }],
    ['a run that no index has', { written: ['run', 'listed', ''] }],
    ['a run that 0.12 ended', { written: ['run', 'status', 'cancelled'] }],
    ['a step that 0.12 ended', { written: ['step', 'status', 'succeeded'] }],
    ['a step that was of another id', { token: 'ijklmnop' }],
    ['a step that is not there', { done: [] }],
    ['a step that does not run', { done: PLAIN.done.slice(0, 1) }],
    [
      'a step that has a result',
      { done: [...PLAIN.done, ['succeedStep', { result: '1' }]] },
    ],
    [
      'a step that has failed',
      {
        done: [
          ...PLAIN.done,
          ['failStep', { error: '{}', attempt: '', retries: 2 }],
        ],
      },
    ],
  ])('is not made for %s', async (_, each) => {
    expect(await compare({ ...PLAIN, ...each })).toBe(false)
  })

  const succeed: Step = ['one', ['succeedStep', { result: '1' }]]
  const add: Step = ['two', ['addStep', {}]]
  const start: Step = ['two', ['startStep', { leaseMs: LEASE_MS }]]
  const startOther: Step = ['other', start[1]]
  const fail: Step = [
    'one',
    ['failStep', { error: '{}', attempt: '', retries: 2 }],
  ]
  const callFor = (calls: readonly Step[], fence = FENCE) =>
    enterCall(
      keys,
      'run',
      fence,
      calls.map(([step, call]) => callOf('run', step, call)),
      keys.runScriptKeys('run')
    )

  test('is what a driver calls that goes on to the next step', () => {
    expect(callFor([add, start])).toBeDefined()
    expect(callFor([succeed, add, start])).toBeDefined()
  })

  test.each<[string, Step[], fence?: string]>([
    ['there is no lock', [succeed, add, start], ''],
    ['the step before fails', [fail, add, start]],
    ['the step before is the next one', [['two', succeed[1]], add, start]],
    ['another step starts', [succeed, add, startOther]],
    ['none starts', [succeed, add]],
    ['none is new', [succeed, start]],
    ['one more has ended', [fail, succeed, add, start]],
    ['one more starts', [add, start, startOther]],
  ])('is not called if %s', (_, calls, fence) => {
    expect(callFor(calls, fence)).toBeUndefined()
  })

  test('is not called if another token of the step starts', () => {
    const { startStep } = transitions
    const added = callOf('run', ...add)
    const args = { stepId: keys.stepId('run', 'two', 'other'), leaseMs: 1 }
    const calls = [added, transitionOf(startStep, args, 'two')]
    const runKeys = keys.runScriptKeys('run')
    expect(enterCall(keys, 'run', FENCE, calls, runKeys)).toBeUndefined()
  })

  test.each([
    'run',
    'lock',
    'steps',
    'history',
    'idle',
    'leases',
    'step',
    'next',
  ])(
    'changes nothing if the key of "%s" is of another type',
    async (poisoned) => {
      for (const isFirst of [true, false]) {
        const done = isFirst ? [] : PLAIN.done
        expect(await compare({ ...PLAIN, isFirst, done, poisoned })).toBe(
          isFirst && poisoned === 'step'
        )
      }
    }
  )

  test('writes what advance-run writes, or nothing, whatever came before', async () => {
    let made = 0
    await fc.assert(
      fc.asyncProperty(cases, async (each) => {
        if (await compare(each)) made++
      }),
      { numRuns: 200 }
    )
    expect(made).toBeGreaterThan(30)
  }, 60_000)
})

function pairsOf(flat: RawReply): Array<[string, string]> {
  const list = flat as string[]
  return Array.from({ length: list.length / 2 }, (_, i) => [
    list[2 * i]!,
    list[2 * i + 1]!,
  ])
}

function codesOf(reply: RawReply): string[] {
  const outcomes = runScripts.advanceRun.parse(reply as never)
  return [outcomes].flat().map(({ code }) => code)
}
