import { RedisCorruptDataError, RedisThreadNotFoundError } from '@pikku/redis'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CLIENTS } from '../clients.js'
import { AgentsHarness, approval, message } from './agents-harness.js'

describe.each(CLIENTS)('deleting threads of agents over $client', (client) => {
  let harness: AgentsHarness

  beforeEach(async () => {
    harness = await AgentsHarness.open(client)
  })
  afterEach(() => harness.close())

  /** A thread with one of everything. */
  async function fill(threadId: string, agentName: string): Promise<string> {
    const { storage } = harness
    await storage.createThread('r', { threadId, metadata: { a: 1 } })
    await storage.saveMessages(threadId, [message('m', 1)])
    await storage.saveWorkingMemory(threadId, 'thread', { a: 1 })
    const pendingApprovals = [approval(`${threadId}-tc`)]
    const run = { agentName, pendingApprovals }
    const runId = await harness.createRun(threadId, run)
    await storage.saveScore({ runId, scorerName: 's', score: 1 })
    return runId
  }

  test('leaves nothing of it, and all of the others', async () => {
    const { storage, runs } = harness
    await fill('kept', 'both')
    const before = await harness.everything()
    const runId = await fill('t', 'both')
    await harness.createRun('t', { agentName: 'own' })
    expect(await runs.getDistinctAgentNames()).toEqual(['both', 'own'])
    expect(await runs.deleteThread('t')).toBe(true)
    expect(await harness.everything()).toEqual(before)
    expect(await runs.getDistinctAgentNames()).toEqual(['both'])
    expect(await storage.getRun(runId)).toBeNull()
    expect(await storage.findRunByToolCallId('t-tc')).toBeNull()
    expect(await storage.getMessages('kept')).toHaveLength(1)
    expect(await harness.ids({ agentName: 'both' })).toEqual(['kept'])
    expect(await harness.ids({ agentName: 'own' })).toEqual([])
    expect(await runs.deleteThread('t')).toBe(false)
    await storage.deleteThread('kept')
    expect(await harness.everything()).toEqual([])
  })

  test('who writes at the same time writes before, or is refused', async () => {
    const { storage, runs } = harness
    for (let round = 0; round < 10; round++) {
      const threadId = `t${round}`
      await fill(threadId, 'agent')
      const writes: Array<Promise<unknown>> = []
      for (let n = 0; n < 10; n++) {
        writes.push(
          harness.createRun(threadId, {
            agentName: `agent-${n}`,
            pendingApprovals: [approval(`${round}-${n}`)],
          }),
          storage.saveMessages(threadId, [message(`${n}`, n)]),
          storage.saveWorkingMemory(threadId, 'thread', { n })
        )
        if (n === round) writes.push(runs.deleteThread(threadId))
      }
      const refused: unknown[] = []
      for (const end of await Promise.allSettled(writes)) {
        if (end.status === 'rejected') refused.push(end.reason)
      }
      for (const error of refused) {
        expect(error).toBeInstanceOf(RedisThreadNotFoundError)
      }
      expect(await harness.everything()).toEqual([])
    }
  })

  test.each(['agent', 'late'])(
    'a run of agent %s that comes between the reads and the script is not left behind',
    async (agentName) => {
      const { adapter, runs } = harness
      await fill('t', 'agent')
      adapter.trips.length = 0
      let open = () => {}
      // The replies of the first reads are kept back while a run is added.
      adapter.gate = new Promise<void>((resolve) => (open = resolve))
      const deleting = runs.deleteThread('t')
      await vi.waitUntil(() => adapter.trips.length > 0)
      const pendingApprovals = [approval('late')]
      await harness.createRun('t', { agentName, pendingApprovals })
      open()
      expect(await deleting).toBe(true)
      expect(await harness.everything()).toEqual([])
    }
  )

  test('a run that has no id is an error, not an endless try', async () => {
    const { storage, raw, keys } = harness
    await storage.createThread('r', { threadId: 'broken' })
    await raw.command('ZADD', keys.threadRunsKey('broken'), '1', '')
    await expect(storage.deleteThread('broken')).rejects.toThrow(
      RedisCorruptDataError
    )
    expect(await storage.getThread('broken')).toMatchObject({ id: 'broken' })
  })

  test('a thread that is made anew has nothing of the old one', async () => {
    const { storage, runs } = harness
    await fill('t', 'agent')
    await runs.deleteThread('t')
    await storage.createThread('r', { threadId: 't' })
    expect(await storage.getMessages('t')).toEqual([])
    expect(await storage.getRunsByThread('t')).toEqual([])
    expect(await storage.getWorkingMemory('t', 'thread')).toBeNull()
    expect(await harness.ids({ agentName: 'agent' })).toEqual([])
  })

  test('a thread of 10 000 messages and 2 000 runs goes as well', async () => {
    const { storage, runs, adapter } = harness
    await storage.createThread('r', { threadId: 't' })
    const messages = Array.from({ length: 10_000 }, (_, n) =>
      message(`m${n}`, 7)
    )
    await storage.saveMessages('t', messages)
    expect(await storage.getMessages('t')).toEqual(messages)
    for (let n = 0; n < 20; n++) {
      await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          harness.createRun('t', {
            agentName: `agent-${n}`,
            pendingApprovals: [approval(`${n}-${i}`)],
          })
        )
      )
    }
    expect(await storage.getRunsByThread('t')).toHaveLength(2_000)
    adapter.trips.length = 0
    expect(await runs.deleteThread('t')).toBe(true)
    expect(adapter.trips.length).toBeLessThanOrEqual(5)
    expect(await harness.everything()).toEqual([])
  }, 60_000)
})
