import type { RedisAgentStorageService } from '@pikku/redis'
import { FaultProxy } from '@pikku/redis-core/testing'
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
import { AgentsHarness, approval, message } from '../agents/agents-harness.js'
import { CLIENTS } from '../clients.js'

describe.each(CLIENTS)('a lost reply of agents over $client', (client) => {
  let proxy: FaultProxy
  let harness: AgentsHarness
  /** Its replies get lost. */
  let storage: RedisAgentStorageService

  beforeAll(async () => {
    const { hostname, port } = new URL(inject('redisUrl'))
    proxy = await FaultProxy.start({ host: hostname, port: Number(port) })
  })
  afterAll(() => proxy.close())

  beforeEach(async () => {
    harness = await AgentsHarness.open(client)
    storage = new client.entry.RedisAgentStorageService(proxy.url, {
      keyPrefix: harness.keyPrefix,
    })
    await storage.init()
    await warmUp()
  })
  afterEach(async () => {
    await storage.close()
    await harness.close()
  })

  /** Otherwise it is the reply `NOSCRIPT` that gets lost. */
  async function warmUp(): Promise<void> {
    await storage.createThread('r', { threadId: 't' })
    const runId = await harness.createRun('t')
    const pendingApprovals = [approval('warm')]
    await storage.updateRun(runId, { pendingApprovals })
    await storage.resolveApproval('warm', 'denied')
    await storage.saveScore({ runId, scorerName: 's', score: 1 })
    await storage.saveMessages('t', [message('warm', 0)])
    await storage.deleteThread('t')
    await storage.createThread('r', { threadId: 't' })
  }

  /** The call, with the reply that follows `text` in a request lost. */
  async function losing<T>(text: string, call: () => Promise<T>): Promise<T> {
    const lost = proxy.loseReplyTo(text)
    const result = await call()
    await lost
    return result
  }

  test('of a decision: who decided is told so', async () => {
    const pendingApprovals = [approval('tc')]
    const runId = await harness.createRun('t', { pendingApprovals })
    const decided = losing(`run:${runId}`, () =>
      storage.resolveApproval('tc', 'approved')
    )
    expect(await decided).toBe(true)
    expect(await storage.resolveApproval('tc', 'approved')).toBe(false)
  })

  test('of a suspension: an approval that was decided stays so', async () => {
    const runId = await harness.createRun('t')
    const pendingApprovals = [approval('tc')]
    const lost = proxy.loseReplyTo(`run:${runId}`)
    const updated = storage.updateRun(runId, { pendingApprovals })
    await lost
    expect(await harness.storage.resolveApproval('tc', 'approved')).toBe(true)
    await updated
    const run = await harness.storage.getRun(runId)
    expect(run?.pendingApprovals).toBeUndefined()
    expect(await harness.storage.resolveApproval('tc', 'approved')).toBe(false)
  })

  test('of a score: it is there once', async () => {
    const runId = await harness.createRun('t')
    const score = { runId, scorerName: 's', score: 1 }
    await losing(`run:${runId}`, () => storage.saveScore(score))
    expect(await storage.getScores(runId)).toHaveLength(1)
  })

  test('of messages: each is there once, in order', async () => {
    const messages = ['z', 'a', 'm'].map((id) => message(id, 5))
    await losing('messages:t', () => storage.saveMessages('t', messages))
    expect(await storage.getMessages('t')).toEqual(messages)
  })

  test('of a new run: it is there once', async () => {
    const now = new Date()
    await storage.createRun({
      agentName: 'warm',
      threadId: 't',
      resourceId: 'r',
      status: 'running',
      createdAt: now,
      updatedAt: now,
      usage: { inputTokens: 0, outputTokens: 0, model: 'm' },
    })
    const runId = await losing('thread-runs:t', () =>
      storage.createRun({
        agentName: 'agent',
        threadId: 't',
        resourceId: 'r',
        status: 'running',
        createdAt: now,
        updatedAt: now,
        usage: { inputTokens: 0, outputTokens: 0, model: 'm' },
      })
    )
    const runs = await storage.getRunsByThread('t')
    expect(runs).toHaveLength(2)
    expect(runs[0]?.runId).toBe(runId)
    const names = await harness.runs.getDistinctAgentNames()
    expect(names).toEqual(['agent', 'warm'])
    expect(await harness.ids({ agentName: 'agent' })).toEqual(['t'])
  })

  test('of a new thread: it is there once', async () => {
    const made = await losing('thread:new', () =>
      storage.createThread('r', { threadId: 'new' })
    )
    expect(await storage.getThread('new')).toEqual(made)
  })
})
