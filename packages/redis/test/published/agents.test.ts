import type {
  RedisAgentRunService,
  RedisAgentStorageService,
} from '@pikku/redis'
import { RedisAgentRunService as Published } from '@pikku/redis-published'
import { uniquePrefix } from '@pikku/redis-testing'
import { Redis } from 'ioredis'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  test,
} from 'vitest'
import { CLIENTS } from '../clients.js'

/** The service published today, its real code from npm, beside this one. */
describe.each(CLIENTS)('agents of 0.12.18 and $client', (client) => {
  let redis: Redis
  let keyPrefix: string
  let published: Published
  let storage: RedisAgentStorageService
  let ours: RedisAgentRunService

  beforeAll(() => {
    redis = new Redis(inject('redisUrl'))
  })
  afterAll(() => redis.quit())

  beforeEach(async () => {
    keyPrefix = uniquePrefix('agents')
    // Its types are of another version of ioredis.
    type Client = ConstructorParameters<typeof Published>[0]
    published = new Published(redis as unknown as Client, keyPrefix)
    const url = inject('redisUrl')
    storage = new client.entry.RedisAgentStorageService(url, keyPrefix)
    ours = new client.entry.RedisAgentRunService(url, keyPrefix)
    await storage.init()
    await ours.init()
  })
  afterEach(async () => {
    await storage.close()
    await ours.close()
  })

  const idsOf = async (
    of: Published | RedisAgentRunService,
    options?: Parameters<Published['listThreads']>[0]
  ) => (await of.listThreads(options)).map(({ id }) => id)
  const keysLeft = () => redis.keys(`${keyPrefix}:*`)

  /** What an application had to write by itself, for 0.12 to find it. */
  async function writeByHand(
    id: string,
    resourceId: string,
    agentName: string,
    updatedAt: number
  ): Promise<void> {
    const key = (...parts: string[]) => [keyPrefix, ...parts].join(':')
    const times = { createdAt: '1000', updatedAt: String(updatedAt) }
    await redis.hset(key('thread', id), {
      id,
      resourceId,
      title: `T ${id}`,
      metadata: '{"a":[]}',
      ...times,
    })
    await redis.zadd(key('threads'), updatedAt, id)
    for (const n of [1, 2, 3]) {
      const createdAt = new Date(n)
      const message = { id: `m${n}`, role: 'user', content: `${n}`, createdAt }
      await redis.zadd(key('messages', id), n, JSON.stringify(message))
    }
    const runId = `run-${id}`
    await redis.hset(key('run', runId), {
      runId,
      agentName,
      threadId: id,
      resourceId,
      status: 'suspended',
      suspendReason: 'approval',
      missingRpcs: '["x"]',
      ...times,
      usageInputTokens: '1',
      usageOutputTokens: '2',
      usageModel: 'm',
    })
    await redis.zadd(key('thread-runs', id), 1000, runId)
    await redis.sadd(key('agent-threads', agentName), id)
  }

  const FILTERS = [
    {},
    { agentName: 'a' },
    { resourceId: 'al' },
    { owners: ['al'] },
    { owners: ['al'], agentName: 'a' },
    { owners: ['al', 'bob'], limit: 2, offset: 1 },
    { owners: [] },
    { agentName: 'none' },
  ]

  async function expectAlike(): Promise<void> {
    for (const filter of FILTERS) {
      expect(await ours.listThreads(filter)).toEqual(
        await published.listThreads(filter)
      )
    }
    expect(await ours.getDistinctAgentNames()).toEqual(
      await published.getDistinctAgentNames()
    )
    for (const id of await idsOf(published)) {
      expect(await ours.getThread(id)).toEqual(await published.getThread(id))
      expect(await ours.getThreadMessages(id)).toEqual(
        await published.getThreadMessages(id)
      )
      const runs = await ours.getThreadRuns(id)
      expect(runs).toEqual(await published.getThreadRuns(id))
    }
  }

  test('0.12 reads what is written here', async () => {
    const resources = ['al', 'al:p', 'bob', 'alice', 'al']
    for (const [n, resourceId] of resources.entries()) {
      const metadata = { empty: [], n }
      const threadId = `t${n}`
      await storage.createThread(resourceId, { threadId, metadata, title: 'T' })
      const createdAt = new Date(1_700_000_000_000)
      await storage.saveMessages(
        threadId,
        ['z', 'a', 'm'].map((id) => ({ id, role: 'user', createdAt }))
      )
      const runId = await storage.createRun({
        agentName: n % 2 === 0 ? 'a' : 'b',
        threadId,
        resourceId,
        status: 'running',
        createdAt,
        missingRpcs: ['x'],
        updatedAt: createdAt,
        usage: { inputTokens: 1, outputTokens: 2, model: 'm' },
      })
      await storage.updateRun(runId, { suspendReason: 'approval' })
    }
    expect(await idsOf(published)).toHaveLength(5)
    const messages = await published.getThreadMessages('t0')
    expect(messages.map(({ id }) => id)).toEqual(['z', 'a', 'm'])
    await expectAlike()
  })

  test('what was written by hand is read, listed and filtered', async () => {
    await writeByHand('t1', 'al', 'a', 1_001)
    await writeByHand('t2', 'al:p', 'b', 1_003)
    await writeByHand('t3', 'bob', 'a', 1_002)
    await writeByHand('t4', 'alice', 'a', 1_004)
    expect(await ours.getDistinctAgentNames()).toEqual(['a', 'b'])
    await expectAlike()
    expect(await idsOf(ours, { owners: ['al'] })).toEqual(['t2', 't1'])
    expect(await ours.getThreadMessages('t1')).toHaveLength(3)
    const before = await storage.getMessages('t1', { cursor: 'm3', lastN: 1 })
    expect(before.map(({ id }) => id)).toEqual(['m2'])
    expect(await storage.getRun('run-t1')).toMatchObject({
      suspendReason: 'approval',
      missingRpcs: ['x'],
      usage: { inputTokens: 1, outputTokens: 2, model: 'm' },
    })
    // Once adopted, it is not looked at again.
    await writeByHand('t5', 'al', 'c', 1_005)
    await expectAlike()
    expect(await idsOf(ours, { agentName: 'c' })).toEqual(['t5'])
  })

  test('what was written by hand goes on here, and goes as a whole', async () => {
    await writeByHand('t', 'al', 'a', 1_001)
    await writeByHand('kept', 'al', 'a', 1_002)
    await storage.updateRun('run-t', {
      status: 'suspended',
      pendingApprovals: [
        { type: 'tool-call', toolCallId: 'tc', toolName: 'x', args: {} },
      ],
    })
    expect(await storage.resolveApproval('tc', 'approved')).toBe(true)
    const createdAt = new Date(2)
    await storage.saveMessages('t', [{ id: 'new', role: 'user', createdAt }])
    await expectAlike()
    expect(await idsOf(ours, { owners: ['al'] })).toEqual(['t', 'kept'])
    expect(await ours.deleteThread('t')).toBe(true)
    await expectAlike()
    expect(await ours.deleteThread('kept')).toBe(true)
    expect(await keysLeft()).toEqual([])
  })

  test('what 0.12 deletes is gone here, and leaves no thread behind', async () => {
    for (const threadId of ['t1', 't2']) {
      await storage.createThread('al', { threadId })
      const createdAt = new Date()
      await storage.saveMessages(threadId, [
        { id: 'm', role: 'user', createdAt },
      ])
      await storage.saveWorkingMemory(threadId, 'thread', { a: 1 })
      await storage.createRun({
        agentName: threadId,
        threadId,
        resourceId: 'al',
        status: 'running',
        createdAt,
        updatedAt: createdAt,
        usage: { inputTokens: 1, outputTokens: 2, model: 'm' },
      })
    }
    expect(await published.deleteThread('t1')).toBe(true)
    expect(await ours.getDistinctAgentNames()).toEqual(['t2'])
    expect(await idsOf(ours, { owners: ['al'], limit: 1 })).toEqual(['t2'])
    await expectAlike()
    expect((await keysLeft()).filter((key) => key.endsWith(':t1'))).toEqual([])
    expect(await published.deleteThread('t2')).toBe(true)
    await storage.createThread('bob', { threadId: 't2' })
    expect(await storage.getMessages('t2')).toEqual([])
    expect(await idsOf(ours, { owners: ['al'] })).toEqual([])
    await expectAlike()
  })

  test('an entry without a thread is passed over, and later forgotten', async () => {
    await writeByHand('t', 'al', 'a', 1_001)
    const threads = `${keyPrefix}:threads`
    await redis.zadd(threads, 1, 'old')
    await redis.zadd(threads, Date.now() + 60_000, 'half-written')
    expect(await idsOf(ours)).toEqual(['t'])
    expect(await idsOf(ours, { owners: ['al'] })).toEqual(['t'])
    expect(await redis.zrange(threads, '0', '-1')).toEqual([
      't',
      'half-written',
    ])
    await writeByHand('half-written', 'al', 'a', Date.now())
    expect(await idsOf(ours, { owners: ['al'] })).toEqual(['half-written', 't'])
  })

  test('more threads than one call looks at are adopted once', async () => {
    const pipeline = redis.pipeline()
    for (let n = 0; n < 2_500; n++) {
      const id = `t${n}`
      pipeline.hset(`${keyPrefix}:thread:${id}`, {
        id,
        resourceId: `r${n % 10}`,
        createdAt: 1,
        updatedAt: n,
      })
      pipeline.zadd(`${keyPrefix}:threads`, n, id)
    }
    await pipeline.exec()
    const page = { resourceId: 'r3', limit: 3, offset: 2 }
    expect(await idsOf(ours, page)).toEqual(['t2473', 't2463', 't2453'])
    expect(await storage.getThreads('r3')).toHaveLength(250)
    await redis.zadd(`${keyPrefix}:threads`, '5000', 't3', '2499', 't2489')
    expect((await idsOf(ours, page))[0]).toBe('t2483')
  })
})
