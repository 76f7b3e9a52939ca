import { RedisArgumentError, RedisWrongTypeError } from '@pikku/redis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, keysOf, type Service } from '../clients.js'
import { EngineHarness } from '../engine/engine-harness.js'

const RECORDED = [
  { stepName: 'pay', status: 'succeeded', result: 1 },
  { stepName: 'log', status: 'succeeded', attemptCount: 1 },
  { stepName: '__workflow_suspend:gate' },
]

/** What is wrong with one step costs no other one its result. */
describe.each(CLIENTS)('a batch that fails, over $client', (client) => {
  let harness: EngineHarness
  let service: Service

  beforeEach(async () => {
    harness = await EngineHarness.open(client)
    service = harness.service
  })
  afterEach(() => harness.close())

  /** The body pays, fails to mail, and goes on all the same; then again. */
  async function driveTwice(
    mail: string,
    before: (runId: string) => Promise<unknown>
  ) {
    let paid = 0
    let drives = 0
    const caught: unknown[] = []
    harness.workflow('order', async (workflow) => {
      drives++
      await workflow.do('pay', async () => ++paid)
      await workflow.do(mail, async () => {}).catch((e) => caught.push(e))
      await workflow.do('log', async () => {})
      if (drives === 1) await workflow.suspend('gate')
    })
    const wire = { type: 'test' }
    const runId = await service.createRun('order', {}, true, 'order-1', wire)
    await before(runId)
    await service.runWorkflowJob(runId, harness.rpc).catch(() => {})
    const first = await harness.history(runId)
    await service.runWorkflowJob(runId, harness.rpc)
    return { runId, first, caught, paid: () => paid }
  }

  test('by a name that can be no key', async () => {
    // An emoji, cut in half.
    const mail = `mail ${'👋 hello'.slice(0, 1)}`
    const { first, caught, paid } = await driveTwice(mail, async () => {})
    expect(first).toMatchObject(RECORDED)
    expect(caught[0]).toBeInstanceOf(RedisArgumentError)
    expect(paid()).toBe(1)
  })

  test('by a key of another type', async () => {
    const { runId, first, caught, paid } = await driveTwice('mail', (id) => {
      const key = keysOf(harness.prefix).stepKey(id, 'mail')
      return service.adapter.send({ key, args: ['SET', key, 'foreign'] })
    })
    expect(first).toMatchObject(RECORDED)
    expect(caught[0]).toBeInstanceOf(RedisWrongTypeError)
    expect(paid()).toBe(1)
    expect((await harness.run(runId)).status).toBe('completed')
  })

  test('starts no step behind a result that could not be recorded', async () => {
    const wire = { type: 'test' }
    const runId = await service.createRun('order', {}, true, 'order-1', wire)
    const key = keysOf(harness.prefix).stepKey(runId, 'pay')
    const ran: string[] = []
    harness.workflow('order', async (workflow) => {
      await workflow.do('pay', async () => {
        const [drop, set] = [['DEL', key] as const, ['SET', key, 'x'] as const]
        await service.adapter.send({ key, args: drop })
        await service.adapter.send({ key, args: set })
      })
      const mail = async () => ran.push('mail')
      await workflow.do('mail', mail, { retries: 2 })
    })
    await service.runWorkflowJob(runId, harness.rpc).catch(() => {})
    expect(ran).toEqual([])
    expect((await harness.run(runId)).status).not.toBe('completed')
  })
})
