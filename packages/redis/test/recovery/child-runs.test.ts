import { until } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CLIENTS, type Service } from '../clients.js'
import { EngineHarness, type Job } from '../engine/engine-harness.js'
import { LEASE, firstRecovered } from './sweeping.js'

describe.each(CLIENTS)('child runs over $client', (client) => {
  let harness: EngineHarness
  /** The child runs that anybody said to have created. */
  let created: string[]

  beforeEach(async () => {
    harness = await EngineHarness.open(client, { queue: true, service: LEASE })
    created = []
    harness.step('quick', () => 'quick', { queued: true })
    harness.workflow('child', (workflow) => workflow.do('pack', 'quick', {}))
    // As a step it goes to the queue.
    harness.step('child', () => 'not called', { queued: true })
    harness.workflow('parent', (workflow) =>
      workflow.do('ship', 'child', {}, { retries: 2 })
    )
  })

  afterEach(() => harness.close())

  function watch(service: Service): void {
    const real = service.createRun.bind(service)
    vi.spyOn(service, 'createRun').mockImplementation(async (...args) => {
      const id = await real(...args)
      if (args[0] === 'child') created.push(id)
      return id
    })
  }

  /** A parent whose worker died between the child's start and its link. */
  async function strand(): Promise<{ runId: string; message: Job }> {
    const dead = await harness.another(LEASE)
    watch(dead)
    watch(harness.service)
    vi.spyOn(dead, 'setStepChildRunId').mockReturnValue(new Promise(() => {}))
    const runId = await harness.start('parent')
    await harness.runJob(harness.queue.take() as Job)
    void harness.deliver(harness.queue.take() as Job, dead).catch(() => {})
    await until(
      async () => created.length === 1 && harness.queue.jobs.length > 0
    )
    await dead.close()
    const [message] = harness.queue.jobs.splice(0)
    return { runId, message: message as Job }
  }

  test('the next attempt of a starter that died goes on with its child', async () => {
    const { runId, message } = await strand()
    await firstRecovered(harness.service)
    await harness.drain()
    await harness.runJob(message)
    await harness.drain()
    expect(await harness.run(runId)).toMatchObject({
      status: 'completed',
      output: 'quick',
    })
    expect(new Set(created).size).toBe(1)
    expect(harness.count('quick')).toBe(1)
    const step = await harness.service.getStepState(runId, 'ship')
    expect(step).toMatchObject({ attemptCount: 2, childRunId: created[0] })
  })

  test('a child that has completed by then is not run again', async () => {
    const { runId, message } = await strand()
    await harness.runJob(message)
    await harness.drain()
    expect((await harness.run(created[0]!)).status).toBe('completed')
    await until(async () => {
      await harness.service.recoverOrphanedSteps()
      await harness.service.recoverStalledRuns({ stalledAfterMs: 100 })
      await harness.drain()
      return (await harness.run(runId)).status === 'completed'
    })
    expect((await harness.run(runId)).output).toBe('quick')
    expect(harness.count('quick')).toBe(1)
  })

  test('a child that has failed by then is followed by another one', async () => {
    const { runId, message } = await strand()
    const [first] = created as [string]
    await harness.service.updateRunStatus(first, 'failed', undefined, {
      message: 'broken',
    })
    await firstRecovered(harness.service)
    await harness.drain()
    await harness.runJob(message).catch(() => {})
    expect((await harness.run(runId)).status).toBe('completed')
    const step = await harness.service.getStepState(runId, 'ship')
    expect(step.childRunId).not.toBe(first)
    expect((await harness.run(step.childRunId!)).status).toBe('completed')
  })

  test('steps of two runs never share a child', async () => {
    for (let i = 0; i < 3; i++) await harness.start('parent')
    watch(harness.service)
    await harness.drain()
    expect(new Set(created).size).toBe(3)
  })
})

describe.each(CLIENTS)('child runs without a queue over $client', (client) => {
  test('a driver that died beside its child goes on with that child', async () => {
    const harness = await EngineHarness.open(client, { service: LEASE })
    const effects: string[] = []
    const children = new Set<string>()
    const entered = Promise.withResolvers<void>()
    harness.workflow('child', async (workflow) => {
      children.add(workflow.runId!)
      await workflow.do('charge', async () => effects.push('charge'))
      await workflow.do('pack', async () => {
        effects.push('pack')
        if (effects.length > 2) return 'packed'
        entered.resolve()
        return new Promise(() => {})
      })
      return 'shipped'
    })
    let id = ''
    harness.workflow('parent', (workflow) => {
      id = workflow.runId!
      return workflow.do('ship', 'child', {})
    })
    const dead = await harness.another(LEASE)
    const wire = { type: 'test' }
    dead.startWorkflow('parent', {}, wire, harness.rpc).catch(() => {})
    await entered.promise
    await dead.close()
    harness.service.startRecovery({
      everyMs: 50,
      stalledAfterMs: 100,
      rpc: harness.rpc,
    })
    await until(async () => (await harness.run(id)).status === 'completed')
    expect((await harness.run(id)).output).toBe('shipped')
    // The step that it died in is run again, and nothing that was recorded.
    expect(effects).toEqual(['charge', 'pack', 'pack'])
    expect(children.size).toBe(1)
    await harness.close()
  })

  test('a compensation that is a workflow is the same one after a crash', async () => {
    const harness = await EngineHarness.open(client, { service: LEASE })
    const refunds: string[] = []
    harness.workflow('undo', async (workflow) => {
      await workflow.do('refund', async () => refunds.push('refund'))
      await workflow.do('tell', async () => {
        if (refunds.push('tell') > 2) return
        await new Promise(() => {})
      })
    })
    harness.workflow('order', async (workflow) => {
      const options = { retries: 0, onError: 'undo' }
      return workflow.do('pay', 'charge', {}, options).catch(() => 'undone')
    })
    const dead = await harness.another(LEASE)
    const wire = { type: 'test' }
    const id = await dead.createRun('order', {}, true, 'order-1', wire)
    const options = { retries: 0 }
    const pay = await dead.insertStepState(id, 'pay', 'charge', {}, options)
    await dead.setStepError(pay.stepId, new Error('declined'))
    dead.runWorkflowJob(id, harness.rpc).catch(() => {})
    await until(async () => refunds.includes('tell'))
    await dead.close()
    harness.service.startRecovery({
      everyMs: 50,
      stalledAfterMs: 100,
      rpc: harness.rpc,
    })
    await until(async () => (await harness.run(id)).status === 'completed')
    expect(refunds).toEqual(['refund', 'tell', 'tell'])
    await harness.close()
  })

  test('a child that waits at its gate is not driven through it', async () => {
    const harness = await EngineHarness.open(client, { service: LEASE })
    const ran: string[] = []
    let child = ''
    harness.workflow('child', async (workflow) => {
      child = workflow.runId!
      await workflow.suspend('wait')
      ran.push('behind')
    })
    let id = ''
    harness.workflow('parent', (workflow) => {
      id = workflow.runId!
      return workflow.do('ship', 'child', {})
    })
    const dead = await harness.another(LEASE)
    const wire = { type: 'test' }
    vi.spyOn(dead, 'setStepChildRunId').mockReturnValue(new Promise(() => {}))
    dead.startWorkflow('parent', {}, wire, harness.rpc).catch(() => {})
    const statusOf = async (runId: string) =>
      runId === '' ? '' : (await harness.run(runId)).status
    await until(async () => (await statusOf(child)) === 'suspended')
    await dead.close()
    const link = vi.spyOn(harness.service, 'setStepChildRunId')
    harness.service.startRecovery({
      everyMs: 50,
      stalledAfterMs: 100,
      rpc: harness.rpc,
    })
    await until(async () => link.mock.calls.length > 0)
    expect(link.mock.calls[0]?.[1]).toBe(child)
    expect({ ran, status: await statusOf(child) }).toEqual({
      ran: [],
      status: 'suspended',
    })
    await harness.service.runWorkflowJob(child, harness.rpc)
    await until(async () => (await statusOf(id)) === 'completed')
    expect(ran).toEqual(['behind'])
    await harness.close()
  })
})
