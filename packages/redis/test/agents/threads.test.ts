import {
  RedisArgumentError,
  RedisCorruptDataError,
  RedisError,
  RedisOptionsError,
  RedisThreadExistsError,
  RedisThreadNotFoundError,
} from '@pikku/redis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, connectionOf } from '../clients.js'
import { expectRefused } from '../refused.js'
import { AgentsHarness, approval, HOSTILE, message } from './agents-harness.js'

describe.each(CLIENTS)('threads of agents over $client', (client) => {
  let harness: AgentsHarness

  beforeEach(async () => {
    harness = await AgentsHarness.open(client)
  })
  afterEach(() => harness.close())

  test('a thread is what was given, with the times of the server', async () => {
    const { storage, runs } = harness
    const metadata = JSON.parse('{"__proto__":{"a":[]},"n":12345678901234567}')
    const thread = await storage.createThread('r', { title: 'T', metadata })
    expect(thread).toMatchObject({ resourceId: 'r', title: 'T' })
    expect(thread.metadata).toEqual(metadata)
    expect(thread.createdAt).toBeInstanceOf(Date)
    expect(await storage.getThread(thread.id)).toEqual(thread)
    expect(await runs.getThread(thread.id)).toEqual(thread)
    const bare = await storage.createThread('r')
    expect(bare.title).toBeUndefined()
    expect(bare.metadata).toBeUndefined()
  })

  test('of many who create one thread, all get the same one', async () => {
    const { storage } = harness
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        storage.createThread('r', { threadId: 't', title: `${n}` })
      )
    )
    expect(new Set(made.map(({ title }) => title)).size).toBe(1)
    expect(await storage.getThread('t')).toEqual(made[0])
    expect(await harness.ids()).toEqual(['t'])
  })

  test("nobody gets another resource's thread by creating it", async () => {
    const { storage } = harness
    await storage.createThread('r', { threadId: 't' })
    const taken = storage.createThread('other', { threadId: 't' })
    await expect(taken).rejects.toBeInstanceOf(RedisThreadExistsError)
    await expect(taken).rejects.toThrow("'t'")
    expect((await storage.getThread('t')).resourceId).toBe('r')
  })

  test('what is not there is an error of the storage, null of the runs', async () => {
    const { storage, runs } = harness
    await expect(storage.getThread('none')).rejects.toBeInstanceOf(
      RedisThreadNotFoundError
    )
    expect(await runs.getThread('none')).toBeNull()
    expect(await storage.getThreads('none')).toEqual([])
    await storage.deleteThread('none')
  })

  test('the newest change comes first, whichever the filter', async () => {
    const { storage } = harness
    await harness.threads('r', 'a', 'b', 'c')
    for (const id of ['a', 'b', 'c']) await harness.createRun(id)
    await storage.saveMessages('a', [message('m', 1)])
    const expected = ['a', 'c', 'b']
    expect(await harness.ids()).toEqual(expected)
    expect(await harness.ids({ resourceId: 'r' })).toEqual(expected)
    expect(await harness.ids({ agentName: 'agent' })).toEqual(expected)
    expect(await harness.ids({ owners: ['r'] })).toEqual(expected)
    const both = { agentName: 'agent', resourceId: 'r' }
    expect(await harness.ids(both)).toEqual(expected)
    const threads = await storage.getThreads('r')
    expect(threads.map(({ id }) => id)).toEqual(expected)
  })

  test('filters come before paging', async () => {
    for (let n = 0; n < 12; n++) {
      const resource = n % 3 === 0 ? 'mine' : `other-${n % 3}`
      await harness.threads(resource, `t${n}`)
      await harness.createRun(`t${n}`, {
        agentName: n % 2 === 0 ? 'even' : 'odd',
      })
    }
    const mine = ['t9', 't6', 't3', 't0']
    expect(await harness.ids({ owners: ['mine'], limit: 2 })).toEqual(
      mine.slice(0, 2)
    )
    for (const filter of [{ owners: ['mine'] }, { resourceId: 'mine' }]) {
      const page = { ...filter, limit: 2, offset: 1 }
      expect(await harness.ids(page)).toEqual(mine.slice(1, 3))
      expect(await harness.ids({ ...filter, offset: 4 })).toEqual([])
      const even = { ...filter, agentName: 'even', limit: 1 }
      expect(await harness.ids(even)).toEqual(['t6'])
      expect(await harness.ids({ ...even, offset: 1 })).toEqual(['t0'])
    }
    const odd = { agentName: 'odd', limit: 2, offset: 1 }
    expect(await harness.ids(odd)).toEqual(['t9', 't7'])
    expect(await harness.ids({ limit: 2, offset: 10 })).toEqual(['t1', 't0'])
    expect(await harness.ids({ limit: 0 })).toEqual([])
    const offset = Number.MAX_SAFE_INTEGER
    expect(await harness.ids({ offset, limit: 10_000 })).toEqual([])
  })

  test('owners are a boundary', async () => {
    const owned: Record<string, string[]> = {
      al: ['al', 'al:', 'al:p', 'al:p:q'],
      others: [
        'alice',
        'al-',
        'a',
        'x:al',
        'AL',
        'al;',
        'al\0:p',
        'al\0',
        ':al',
      ],
    }
    for (const resource of Object.values(owned).flat()) {
      await harness.threads(resource, resource)
    }
    const list = async (...owners: string[]) =>
      (await harness.ids({ owners })).toSorted()
    expect(await list('al')).toEqual(owned['al']!.toSorted())
    expect(await list('al', 'al:p')).toEqual(owned['al']!.toSorted())
    expect(await list('al:p')).toEqual(['al:p', 'al:p:q'])
    expect(await list('x')).toEqual(['x:al'])
    expect(await list()).toEqual([])
    expect(await list('')).toEqual([])
    expect(await list('*')).toEqual([])
    const resource = (resourceId: string) =>
      harness.ids({ owners: ['al'], resourceId })
    expect(await resource('al:p')).toEqual(['al:p'])
    expect(await resource('alice')).toEqual([])
  })

  test('a thread whose own resource says otherwise than the index is not given', async () => {
    await harness.threads('al', 'mine', 'moved')
    const { raw, keys } = harness
    await raw.command('HSET', keys.threadKey('moved'), 'resourceId', 'bob')
    expect(await harness.ids({ owners: ['al'] })).toEqual(['mine'])
    expect(await harness.ids({ resourceId: 'al' })).toEqual(['mine'])
    expect(await harness.ids({ owners: ['bob'] })).toEqual(['moved'])
  })

  test.each(HOSTILE)('%j is a name like any other', async (name) => {
    const { storage, runs } = harness
    await storage.createThread(name, { threadId: name, title: name })
    await storage.createThread(`${name}2`, { threadId: `${name}2` })
    const agentName = name
    const runId = await harness.createRun(name, { agentName, resourceId: name })
    await harness.createRun(`${name}2`, { agentName: `${name}2` })
    await storage.saveMessages(name, [message(name, 1)])
    await storage.saveWorkingMemory(name, 'thread', { [name]: 1 })
    await storage.updateRun(runId, { pendingApprovals: [approval(name)] })
    for (const filter of [
      { resourceId: name },
      { owners: [name] },
      { agentName },
      { agentName, owners: [name] },
    ]) {
      expect(await harness.ids(filter)).toEqual([name])
    }
    expect(await runs.getDistinctAgentNames()).toEqual([name, `${name}2`])
    expect(await storage.getMessages(name)).toEqual([message(name, 1)])
    const memory = await storage.getWorkingMemory(name, 'thread')
    expect(Object.keys(memory!)).toEqual([name])
    expect(await storage.resolveApproval(`${name}2`, 'denied')).toBe(false)
    expect((await storage.findRunByToolCallId(name))?.run.runId).toBe(runId)
    expect(await storage.resolveApproval(name, 'denied')).toBe(true)
    expect(await runs.deleteThread(name)).toBe(true)
    expect(await harness.ids()).toEqual([`${name}2`])
    expect(await runs.getDistinctAgentNames()).toEqual([`${name}2`])
  })

  test('a page is two round trips, whatever else is stored', async () => {
    const { adapter, runs } = harness
    const filters = [
      {},
      { resourceId: 'r' },
      { owners: ['r', 's'] },
      { agentName: 'agent' },
      { agentName: 'agent', owners: ['r'] },
    ]
    const cost = async () => {
      const counts: number[] = []
      for (const filter of filters) {
        adapter.trips.length = 0
        await runs.listThreads({ ...filter, limit: 2 })
        counts.push(adapter.trips.length, adapter.trips.flat().length)
      }
      return counts
    }
    await harness.threads('r', 'a', 'b', 'c')
    for (const id of ['a', 'b', 'c']) await harness.createRun(id)
    await cost()
    const before = await cost()
    expect(before).toEqual(filters.flatMap(() => [2, 3]))
    await Promise.all(
      Array.from({ length: 300 }, () => harness.storage.createThread('other'))
    )
    expect(await cost()).toEqual(before)
  })

  test('what somebody changed by hand is found without a look at all', async () => {
    const { raw, keys, adapter, runs } = harness
    const all = Array.from({ length: 6_500 }, (_, n) => `t${n}`)
    const times = ['createdAt', '1', 'updatedAt', '1']
    await Promise.all(
      all.map((id) => {
        const thread = ['id', id, 'resourceId', 'r', ...times]
        return raw.command('HSET', keys.threadKey(id), ...thread)
      })
    )
    const scores = all.flatMap((id, n) => [String(n), id])
    await raw.command('ZADD', keys.threads, ...scores)
    const page = { owners: ['r'], limit: 2 }
    expect(await harness.ids(page)).toEqual(['t6499', 't6498'])
    await raw.command('ZADD', keys.threads, '9000', 't7')
    adapter.trips.length = 0
    expect(await harness.ids(page)).toEqual(['t7', 't6499'])
    // A page, two parts, three reads and a script for what changed, a page.
    expect(adapter.trips.length).toBeLessThanOrEqual(10)
    await raw.command('ZADD', keys.threads, '3', 't8')
    await runs.reindex()
    const last = await harness.ids({ ...page, offset: 6_494, limit: 10 })
    expect(last).toEqual(['t4', 't8', 't3', 't2', 't1', 't0'])
  })

  test('what is no page is refused before anything is sent', async () => {
    const { adapter, runs } = harness
    adapter.trips.length = 0
    const bad: unknown[] = [
      { limit: -1 },
      { limit: 1.5 },
      { limit: 10_001 },
      { limit: '5' },
      { offset: -1 },
      { offset: NaN },
      { owners: 'al' },
      { owners: [7] },
      { agentName: 7 },
      { resourceId: '\ud800' },
    ]
    for (const options of bad) {
      await expect(runs.listThreads(options as never)).rejects.toBeInstanceOf(
        RedisArgumentError
      )
    }
    expect(adapter.trips).toEqual([])
  })

  test('what cannot be stored is refused, and nothing is written', async () => {
    const { storage } = harness
    const bad: Array<Promise<unknown>> = [
      storage.createThread(''),
      storage.createThread('r', { threadId: '' }),
      storage.createThread(undefined as never),
      storage.createThread('r', { metadata: (() => {}) as never }),
      storage.saveWorkingMemory('r', 'resource', null as never),
      storage.saveWorkingMemory('r', 'other' as never, {}),
      storage.getWorkingMemory('', 'thread'),
    ]
    await expectRefused(bad.map((call) => [call, RedisError]))
    expect(await harness.everything()).toEqual([])
  })

  test('broken data is an error that names the key and the field', async () => {
    const { storage, runs, raw, keys } = harness
    const broken: Array<[string, string]> = [
      ['metadata', '{'],
      ['createdAt', 'x'],
      ['updatedAt', ''],
    ]
    for (const [field, value] of broken) {
      const { id } = await storage.createThread('r')
      await raw.command('HSET', keys.threadKey(id), field, value)
      const reads = [() => storage.getThread(id), () => runs.listThreads()]
      for (const start of reads) {
        const read = start()
        await expect(read).rejects.toBeInstanceOf(RedisCorruptDataError)
        await expect(read).rejects.toThrow(`field '${field}'`)
      }
      await storage.deleteThread(id)
    }
  })

  test('bad options are named', () => {
    for (const name of [
      'RedisAgentRunService',
      'RedisAgentStorageService',
    ] as const) {
      const create = (options: unknown) => () =>
        new client.entry[name](connectionOf(client), options)
      expect(create({ prefix: 'x' })).toThrow(/'prefix' is not an option/)
      expect(create('')).toThrow(RedisOptionsError)
      expect(create(7)).toThrow(RedisOptionsError)
    }
  })
})
