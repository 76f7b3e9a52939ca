import type { AgentRunState, PendingApproval } from '@pikku/core/agent'
import {
  RedisAgentRunNotFoundError,
  RedisArgumentError,
  RedisCorruptDataError,
} from '@pikku/redis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, connectionOf } from '../clients.js'
import { expectRefused } from '../refused.js'
import { AgentsHarness, approval } from './agents-harness.js'

const CALLERS = 30

describe.each(CLIENTS)('runs of agents over $client', (client) => {
  let harness: AgentsHarness

  beforeEach(async () => {
    harness = await AgentsHarness.open(client)
    await harness.storage.createThread('r', { threadId: 't' })
  })
  afterEach(() => harness.close())

  const get = async (runId: string) => (await harness.storage.getRun(runId))!
  /** From several connections, as several processes are. */
  async function fromEverywhere<T>(
    call: (storage: AgentsHarness['storage'], n: number) => Promise<T>
  ): Promise<T[]> {
    const { keyPrefix } = harness
    const others = await Promise.all(
      CLIENTS.map(async (each) => {
        const storage = new each.entry.RedisAgentStorageService(
          connectionOf(each),
          { keyPrefix }
        )
        await storage.init()
        return storage
      })
    )
    const all = [harness.storage, ...others]
    const results = await Promise.all(
      Array.from({ length: CALLERS }, (_, n) => call(all[n % 3]!, n))
    )
    await Promise.all(others.map((storage) => storage.close()))
    return results
  }

  test('a run comes back as it was given', async () => {
    const run: Omit<AgentRunState, 'runId'> = {
      agentName: 'agent',
      threadId: 't',
      resourceId: 'r:p',
      status: 'suspended',
      suspendReason: 'rpc-missing',
      errorMessage: 'e',
      missingRpcs: ['a', 'b'],
      pendingApprovals: [
        approval('z', { empty: [], big: 1e300 }),
        {
          type: 'agent-call',
          toolCallId: 'a',
          agentName: 'sub',
          agentRunId: 'x',
          displayToolName: 'd',
          displayArgs: null,
        },
      ],
      usage: { inputTokens: 3, outputTokens: 4, model: 'm' },
      createdAt: new Date(1_700_000_000_000),
      updatedAt: new Date(1_700_000_000_001),
    }
    const runId = await harness.storage.createRun(run)
    expect(await get(runId)).toEqual({ ...run, runId })
    expect(await harness.storage.getRunsByThread('t')).toEqual([
      { ...run, runId },
    ])
    const { usage, pendingApprovals, ...rest } = run
    expect(pendingApprovals).toHaveLength(2)
    expect(await harness.runs.getThreadRuns('t')).toEqual([
      {
        ...rest,
        runId,
        usageInputTokens: usage.inputTokens,
        usageOutputTokens: usage.outputTokens,
        usageModel: usage.model,
      },
    ])
  })

  test('the newest run comes first, also within a millisecond', async () => {
    const at = (ms: number) => ({ createdAt: new Date(ms) })
    const made: string[] = []
    for (const ms of [5, 7, 7, 7, 6]) {
      made.push(await harness.createRun('t', at(ms)))
    }
    const expected = [3, 2, 1, 4, 0].map((i) => made[i])
    const ids = (runs: Array<{ runId: string }>) => runs.map((r) => r.runId)
    expect(ids(await harness.storage.getRunsByThread('t'))).toEqual(expected)
    expect(ids(await harness.runs.getThreadRuns('t'))).toEqual(expected)
  })

  test('two updates of different fields both survive', async () => {
    const runId = await harness.createRun('t')
    const updates: Array<Partial<AgentRunState>> = [
      { status: 'suspended' },
      { errorMessage: 'e' },
      { suspendReason: 'approval' },
      { missingRpcs: ['x'] },
      { usage: { inputTokens: 9, outputTokens: 8, model: 'n' } },
      { pendingApprovals: [approval('tc')] },
    ]
    await fromEverywhere((storage, n) =>
      storage.updateRun(runId, updates[n % updates.length]!)
    )
    expect(await get(runId)).toMatchObject(Object.assign({}, ...updates))
  })

  test('an optional field that is undefined is cleared, others stay', async () => {
    const runId = await harness.createRun('t', {
      errorMessage: 'e',
      pendingApprovals: [approval('tc')],
    })
    const { createdAt } = await get(runId)
    await harness.storage.updateRun(runId, { status: 'completed' })
    expect(await get(runId)).toMatchObject({
      status: 'completed',
      errorMessage: 'e',
      pendingApprovals: [approval('tc')],
    })
    await harness.storage.updateRun(runId, {
      status: undefined,
      errorMessage: undefined,
      pendingApprovals: undefined,
      threadId: 'other',
    })
    expect(await get(runId)).toMatchObject({
      status: 'completed',
      threadId: 't',
      createdAt,
    })
    expect((await get(runId)).errorMessage).toBeUndefined()
    expect((await get(runId)).pendingApprovals).toBeUndefined()
    expect(await harness.storage.resolveApproval('tc', 'denied')).toBe(false)
  })

  test('an update writes nothing to a run that is not there', async () => {
    const { storage } = harness
    const before = await harness.everything()
    await storage.updateRun('none', { status: 'failed' })
    await expect(
      storage.saveScore({ runId: 'none', scorerName: 's', score: 1 })
    ).rejects.toBeInstanceOf(RedisAgentRunNotFoundError)
    expect(await storage.getRun('none')).toBeNull()
    expect(await storage.getScores('none')).toEqual([])
    expect(await storage.getRunsByThread('none')).toEqual([])
    expect(await harness.everything()).toEqual(before)
  })

  test('an approval is decided once, by whoever and however many ask', async () => {
    const calls = ['a', 'b', 'c']
    const runId = await harness.createRun('t', {
      status: 'suspended',
      pendingApprovals: calls.map((id) => approval(id)),
    })
    const won = await fromEverywhere(async (storage, n) => {
      const call = calls[n % 3]!
      return (await storage.resolveApproval(call, 'approved')) ? call : ''
    })
    expect(won.filter(Boolean).toSorted()).toEqual(calls)
    expect((await get(runId)).pendingApprovals).toBeUndefined()
    const { raw, keys } = harness
    for (const call of calls) {
      const field = `decision:${call}`
      const decision = await raw.command('HGET', keys.runKey(runId), field)
      expect(decision).toMatch(/^approved:\d+:/)
    }
    expect(await raw.command('ZCARD', keys.approvals)).toBe(0)
  })

  test('what is left stays in its order, and can be found', async () => {
    const { storage } = harness
    const all = ['z', 'a', 'm'].map((id) => approval(id, { id }))
    const runId = await harness.createRun('t', { pendingApprovals: all })
    expect((await get(runId)).pendingApprovals).toEqual(all)
    const found = await storage.findRunByToolCallId('a')
    expect(found).toEqual({ run: await get(runId), approval: all[1] })
    await storage.resolveApproval('a', 'denied')
    expect((await get(runId)).pendingApprovals).toEqual([all[0], all[2]])
    expect(await storage.findRunByToolCallId('a')).toBeNull()
    const next: PendingApproval[] = [approval('m', 'new'), approval('b')]
    await storage.updateRun(runId, { pendingApprovals: next })
    expect((await get(runId)).pendingApprovals).toEqual(next)
    expect(await storage.findRunByToolCallId('z')).toBeNull()
    expect(await storage.resolveApproval('m', 'approved')).toBe(true)
  })

  test("a sub-agent's approval is decided after its parent's", async () => {
    const { storage } = harness
    const parent = await harness.createRun('t')
    const child = await harness.createRun('t')
    const pendingApprovals = [approval('tc')]
    await storage.updateRun(child, { pendingApprovals })
    await storage.updateRun(parent, { pendingApprovals })
    const found = await storage.findRunByToolCallId('tc')
    expect(found?.run.runId).toBe(parent)
    expect(await storage.resolveApproval('tc', 'approved')).toBe(true)
    expect((await get(parent)).pendingApprovals).toBeUndefined()
    expect((await get(child)).pendingApprovals).toHaveLength(1)
    expect(await storage.resolveApproval('tc', 'approved')).toBe(true)
    expect(await storage.resolveApproval('tc', 'approved')).toBe(false)
  })

  test('who leaves some out of a list that is old brings none back', async () => {
    const { storage } = harness
    const both = [approval('a'), approval('b')]
    const runId = await harness.createRun('t', { pendingApprovals: both })
    const [, left] = (await get(runId)).pendingApprovals!
    expect(await storage.resolveApproval('b', 'denied')).toBe(true)
    await storage.updateRun(runId, { pendingApprovals: [left!] })
    expect((await get(runId)).pendingApprovals).toBeUndefined()
    expect(await storage.resolveApproval('b', 'approved')).toBe(false)
    // A model may give the same id again.
    await storage.updateRun(runId, {
      suspendReason: 'approval',
      pendingApprovals: [left!],
    })
    expect(await storage.resolveApproval('b', 'approved')).toBe(true)
  })

  test('an approval of a run that somebody removed leads nobody anywhere', async () => {
    const { storage, raw, keys } = harness
    const pendingApprovals = [approval('tc')]
    const kept = await harness.createRun('t', { pendingApprovals })
    const gone = await harness.createRun('t', { pendingApprovals })
    await raw.command('DEL', keys.runKey(gone))
    const found = await storage.findRunByToolCallId('tc')
    expect(found?.run.runId).toBe(kept)
    expect(await storage.resolveApproval('tc', 'approved')).toBe(true)
    expect(await storage.resolveApproval('tc', 'approved')).toBe(false)
    expect(await raw.command('ZCARD', keys.approvals)).toBe(0)
  })

  test('scores are added, in their order, with a date', async () => {
    const { storage } = harness
    const runId = await harness.createRun('t')
    const score = { runId, scorerName: 's', score: 0.1 }
    for (let n = 0; n < 12; n++) {
      await storage.saveScore({ ...score, score: n / 10 })
    }
    const metadata = JSON.parse('{"__proto__":1,"empty":[]}')
    await storage.saveScore({ ...score, reason: 'r', metadata })
    const scores = await storage.getScores(runId)
    expect(scores.map((each) => each.score)).toEqual([
      ...Array.from({ length: 12 }, (_, n) => n / 10),
      0.1,
    ])
    expect(scores.at(-1)).toEqual({
      ...score,
      reason: 'r',
      metadata,
      createdAt: expect.any(Date),
    })
    expect(scores[0]!.runId).toBe(runId)
    await fromEverywhere((each) => each.saveScore(score))
    expect(await storage.getScores(runId)).toHaveLength(13 + CALLERS)
  })

  test('reads of a thread take two round trips, however many runs there are', async () => {
    const storage = harness.counted()
    const { adapter, runs } = harness
    const trips = async (call: () => Promise<unknown[]>, count: number) => {
      adapter.trips.length = 0
      expect(await call()).toHaveLength(count)
      return adapter.trips.length
    }
    await Promise.all(Array.from({ length: 100 }, () => harness.createRun('t')))
    expect(await trips(() => storage.getRunsByThread('t'), 100)).toBe(2)
    expect(await trips(() => runs.getThreadRuns('t'), 100)).toBe(2)
    const [run] = await storage.getRunsByThread('t')
    expect(await trips(() => storage.getScores(run!.runId), 0)).toBe(1)
  })

  test('what cannot be stored is refused', async () => {
    const { storage } = harness
    const runId = await harness.createRun('t')
    const bad: Array<Promise<unknown>> = [
      storage.updateRun('', {}),
      storage.updateRun(runId, { pendingApprovals: [{} as never] }),
      storage.updateRun(runId, { pendingApprovals: 'x' as never }),
      storage.updateRun(runId, { usage: { inputTokens: '1' } as never }),
      storage.resolveApproval('', 'approved'),
      storage.resolveApproval('tc', 'maybe' as never),
      storage.saveScore({ runId, scorerName: 's', score: NaN }),
      storage.updateRun(runId, { status: '' as never }),
      harness.createRun('t', { status: undefined }),
      harness.createRun('t', { agentName: '' }),
      harness.createRun('t', { createdAt: 'now' as never }),
    ]
    await expectRefused(bad.map((call) => [call, RedisArgumentError]))
  })

  test('broken data is an error that names the key and the field', async () => {
    const { storage, raw, keys } = harness
    const broken: Array<[string, string]> = [
      ['missingRpcs', '{'],
      ['usageInputTokens', 'x'],
      ['createdAt', ''],
      ['approval:x', '7'],
      ['score:1', '{'],
    ]
    for (const [field, value] of broken) {
      const runId = await harness.createRun('t')
      await raw.command('HSET', keys.runKey(runId), field, value)
      const read = field.startsWith('score')
        ? storage.getScores(runId)
        : storage.getRun(runId)
      await expect(read).rejects.toBeInstanceOf(RedisCorruptDataError)
      await expect(read).rejects.toThrow(keys.runKey(runId))
      await expect(read).rejects.toThrow(`'${field}'`)
    }
  })
})
