import { WorkflowCancelledException } from '@pikku/core/workflow'
import { afterEach, describe, expect, test } from 'vitest'
import { CLIENTS, connectionOf, testPrefix } from '../clients.js'
import {
  done,
  EngineHarness,
  type HarnessOptions,
  TestQueue,
} from './engine-harness.js'

describe.each(CLIENTS)('runs of many processes over $client', (client) => {
  let engine: EngineHarness
  const open = async (options: HarnessOptions = { queue: true }) =>
    (engine = await EngineHarness.open(client, options))

  afterEach(() => engine.close())

  test.each([true, false])(
    'a body that cancels its run leaves it cancelled (remote: %s)',
    async (queue) => {
      await open({ queue })
      engine.step('before', () => 1)
      engine.workflow('cancels', async (workflow) => {
        await workflow.do('b', 'before', {})
        throw new WorkflowCancelledException(workflow.runId, 'not needed')
      })
      const id = await engine.start('cancels')
      await engine.drain()
      expect(await engine.run(id)).toMatchObject({
        status: 'cancelled',
        error: { message: 'not needed', code: 'WORKFLOW_CANCELLED' },
      })
      expect(await engine.history(id)).toEqual([done('b', 1)])
      expect(engine.jobErrors).toEqual([])
    }
  )

  test('a run cancelled from outside stays cancelled when its body ends', async () => {
    await open()
    const other = await engine.another()
    engine.step('slow', () => 1)
    engine.workflow('cancelled', async (workflow) => {
      await other.updateRunStatus(workflow.runId, 'cancelled')
      return workflow.do('s', 'slow', {})
    })
    const id = await engine.start('cancelled')
    await engine.drain()
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'cancelled', output: undefined })
    expect(engine.count('slow')).toBe(1)
    expect(engine.warnings).toEqual([
      expect.stringContaining(`Run '${id}' stays 'cancelled'`),
    ])
  })

  test('a replay in another process runs no recorded step again', async () => {
    await open()
    const other = await engine.another()
    engine.step('one', () => ({ n: 1 }))
    engine.step('two', () => 2, { queued: true })
    let inline = 0
    engine.workflow('replayed', async (workflow) => {
      const one = await workflow.do('a', 'one', {})
      const here = await workflow.do('b', async () => ++inline)
      await workflow.suspend('move')
      const two = await workflow.do('c', 'two', {})
      return [one, here, two]
    })
    const id = await engine.start('replayed')
    await engine.drain()
    expect(await engine.run(id)).toMatchObject({ status: 'suspended' })
    await other.resumeWorkflow(id)
    await engine.drain(other)
    expect(await other.getRun(id)).toMatchObject({
      status: 'completed',
      output: [{ n: 1 }, 1, 2],
    })
    expect(inline).toBe(1)
    expect(engine.calls.map(([name]) => name)).toEqual(['one', 'two'])
  })

  test('two orchestrators of one run: one drives it, the other comes back', async () => {
    await open()
    const other = await engine.another()
    const entered = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    engine.step('held', async () => {
      entered.resolve()
      await gate.promise
      return 'once'
    })
    engine.workflow('contended', (workflow) => workflow.do('h', 'held', {}))
    const id = await engine.start('contended')
    engine.queue.take()
    const first = engine.service.orchestrateWorkflow(id, engine.rpc)
    await entered.promise
    await other.orchestrateWorkflow(id, engine.rpc)
    expect(await engine.run(id)).toMatchObject({ status: 'running' })
    expect(engine.queue.jobs).toMatchObject([
      { data: { runId: id }, options: { delay: 1_000 } },
    ])
    gate.resolve()
    await first
    const ended = await engine.run(id)
    expect(ended).toMatchObject({ status: 'completed', output: 'once' })
    await engine.drain(other)
    expect(await engine.run(id)).toMatchObject({ status: 'completed' })
    expect(engine.count('held')).toBe(1)
    expect(await engine.history(id)).toEqual([done('h', 'once')])
    expect(engine.jobErrors).toEqual([])
  })

  test('messages of one step, delivered twice and at once, run it once', async () => {
    await open()
    const other = await engine.another()
    engine.step('charge', () => 'charged', { queued: true })
    engine.workflow('paid', (workflow) => workflow.do('pay', 'charge', {}))
    const id = await engine.start('paid')
    await engine.runJob(engine.queue.take()!)
    const job = engine.queue.take()!
    expect(job.queueName).toBe('pikku-workflow-step-worker')
    await Promise.all([
      engine.runJob({ ...job }, engine.service),
      engine.runJob({ ...job }, other),
    ])
    await engine.runJob({ ...job }, other)
    await engine.drain()
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'completed', output: 'charged' })
    expect(engine.count('charge')).toBe(1)
    expect(await engine.history(id)).toEqual([done('pay', 'charged')])
  })

  test('a given queue makes runs remote when the services bring none', async () => {
    await open({ queue: false })
    engine.workflow('somewhere', async () => 'here')
    const inline = await engine.start('somewhere')
    expect(await engine.run(inline)).toMatchObject({
      status: 'completed',
      inline: true,
    })

    const queue = new TestQueue()
    const connection = connectionOf(client)
    const given = new client.Service(connection, queue, testPrefix())
    await given.init()
    const wire = { type: 'test' }
    const { rpc } = engine
    const started = await given.startWorkflow('somewhere', {}, wire, rpc)
    const remote = await given.getRun(started.runId)
    expect(remote).toMatchObject({ status: 'running', inline: undefined })
    expect(queue.jobs).toMatchObject([{ data: { runId: started.runId } }])
    await engine.runJob(queue.take()!, given)
    const ended = await given.getRun(started.runId)
    expect(ended).toMatchObject({ status: 'completed', output: 'here' })
    await given.close()
  })

  test('the queue of the services is used before a given one', async () => {
    const given = new TestQueue()
    await open({ queue: true, service: { queue: given } })
    engine.workflow('somewhere', async () => 'here')
    await engine.start('somewhere')
    expect(given.jobs).toEqual([])
    expect(engine.queue.jobs).toHaveLength(1)
  })

  test('a queue that fails after the result leaves the step succeeded', async () => {
    await open()
    engine.step(
      'charge',
      () => {
        engine.queue.failure = new Error('queue is down')
        return 'charged'
      },
      { queued: true }
    )
    engine.workflow('paid', (workflow) => workflow.do('pay', 'charge', {}))
    const id = await engine.start('paid')
    await engine.runJob(engine.queue.take()!)
    await engine.runJob(engine.queue.take()!)
    expect(engine.jobErrors).toEqual(['queue is down'])
    expect(await engine.history(id)).toEqual([done('pay', 'charged')])
    expect(await engine.run(id)).toMatchObject({ status: 'running' })

    engine.queue.failure = undefined
    await engine.service.resumeWorkflow(id)
    await engine.drain()
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'completed', output: 'charged' })
    expect(engine.count('charge')).toBe(1)
  })
})
