import { resumeAgentSync } from '@pikku/core/agent'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS } from '../clients.js'
import { AgentApplication } from './agent-application.js'
import { AgentsHarness } from './agents-harness.js'

const call = (toolCallId: string, toolName: string, args: unknown = {}) => ({
  toolCallId,
  toolName,
  args,
})
const askClerk = call('ask', 'clerk', { message: 'pay it', session: 's' })

describe.each(CLIENTS)('the engine on agents over $client', (client) => {
  let harness: AgentsHarness
  let app: AgentApplication

  beforeEach(async () => {
    harness = await AgentsHarness.open(client)
    app = new AgentApplication(harness.storage)
    app.tool('pay', { approvalRequired: true })
    app.tool('look')
    app.agent('clerk', { tools: ['pay', 'look'] })
    app.agent('boss', { agents: ['clerk'] })
  })
  afterEach(() => harness.close())

  /** A run of the boss whose clerk asks whether to pay. */
  async function askedBoss(payment: string, threadId = 't') {
    app.answers.set('boss', [[askClerk], 'boss is done'])
    app.answers.set('clerk', [[call(payment, 'pay')], 'clerk is done'])
    await app.stream('boss', 'u', threadId)
    const found = await harness.storage.findRunByToolCallId(payment)
    expect(found?.run.agentName).toBe('boss')
    return found!.run.runId
  }

  test('an agent that needs an approval goes on once, with all it said before', async () => {
    const { storage } = harness
    app.answers.set('clerk', [
      [call('1', 'look', { a: [] })],
      [call('2', 'pay', { n: 1 })],
      'paid',
    ])
    const { runId, status } = await app.run('clerk', 'u', 't')
    expect(status).toBe('suspended')
    const approvals = [{ toolCallId: '2', approved: true }]
    const both = await Promise.allSettled(
      [1, 2].map(() => resumeAgentSync(runId, approvals, app.params('u')))
    )
    expect(both.map((end) => end.status).toSorted()).toEqual([
      'fulfilled',
      'rejected',
    ])
    expect(app.calls).toEqual([
      ['look', { a: [] }],
      ['pay', { n: 1 }],
    ])
    expect(await storage.getRun(runId)).toMatchObject({ status: 'completed' })
    const said = await storage.getMessages('t')
    expect(said.map(({ role }) => role)).toEqual(
      'user assistant tool assistant assistant tool assistant'.split(' ')
    )
    expect(said.at(-1)?.content).toBe('paid')
    expect(await harness.ids({ owners: ['u'] })).toEqual(['t'])
  })

  test('nobody goes on with the run of another user', async () => {
    app.answers.set('clerk', [[call('1', 'pay')]])
    const { runId } = await app.run('clerk', 'u', 't')
    await expect(app.resume('v', runId, '1')).rejects.toThrow('Not authorized')
    await app.resume('u', runId, '1')
    expect(app.calls).toEqual([['pay', {}]])
  })

  test("of two who decide a sub-agent's approval at once, one does", async () => {
    for (const n of Array.from({ length: 10 }, (_, i) => `pay-${i}`)) {
      app.calls.length = 0
      const runId = await askedBoss(n, n)
      const both = await Promise.allSettled([
        app.resume('u', runId, n),
        app.resume('u', runId, n),
      ])
      expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(
        1
      )
      expect(app.calls).toEqual([['pay', {}]])
      const run = await harness.storage.getRun(runId)
      expect(run?.status).toBe('completed')
    }
  })

  test('what was denied of a sub-agent is denied for good', async () => {
    const { storage } = harness
    const boss = await askedBoss('p')
    const clerk = (await storage.getRun(boss))!.pendingApprovals![0] as {
      agentRunId: string
    }
    await app.resume('u', boss, 'p', false)
    expect(await storage.findRunByToolCallId('p')).toBeNull()
    await expect(app.resume('u', clerk.agentRunId, 'p')).rejects.toThrow(
      'No pending approval'
    )
    expect(app.calls).toEqual([])
  })

  test('of two approvals of an agent below, one denied, the other goes on', async () => {
    const { storage, raw, keys } = harness
    app.agent('chief', { agents: ['boss'] })
    const askBoss = call('ask', 'boss', { message: 'pay', session: 's' })
    app.answers.set('chief', [[askBoss], 'chief is done'])
    app.answers.set('boss', [[askClerk], 'boss is done'])
    const payments = [call('x', 'pay', { n: 1 }), call('y', 'pay', { n: 2 })]
    app.answers.set('clerk', [payments, 'clerk is done'])
    await app.stream('chief', 'u', 't')
    const { run } = (await storage.findRunByToolCallId('x'))!
    expect(run.agentName).toBe('chief')
    await app.resume('u', run.runId, 'x', false)
    expect(await storage.findRunByToolCallId('x')).toBeNull()
    await app.resume('u', run.runId, 'y')
    expect(app.calls).toEqual([['pay', { n: 2 }]])
    expect((await storage.getRun(run.runId))?.status).toBe('completed')
    expect(await raw.command('ZCARD', keys.approvals)).toBe(0)
  })

  test('calls that a model gave one id are decided each in its own run', async () => {
    const { storage } = harness
    app.answers.set('clerk', [[call('0', 'pay')], [call('0', 'pay')]])
    const first = await app.run('clerk', 'u', 't')
    const second = await app.run('clerk', 'v', 's')
    await app.resume('u', first.runId, '0')
    expect(await storage.getRun(first.runId)).toMatchObject({
      status: 'completed',
      pendingApprovals: undefined,
    })
    await expect(app.resume('u', first.runId, '0')).rejects.toThrow()
    await app.resume('v', second.runId, '0')
    expect(app.calls).toHaveLength(2)
  })
})
