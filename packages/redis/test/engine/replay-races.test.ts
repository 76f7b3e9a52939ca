import { RPCNotFoundError } from '@pikku/core/rpc'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CLIENTS, type Service } from '../clients.js'
import { done, EngineHarness } from './engine-harness.js'

describe.each(CLIENTS)('replays that race over $client', (client) => {
  let engine: EngineHarness

  afterEach(() => engine.close())

  /** Gives the orchestrator's message of one run to all of them at once. */
  const race = async (services: Service[]) => {
    engine.step('a', () => 1)
    engine.step('b', () => 2, { queued: true })
    engine.workflow('raced', async (workflow) => [
      await workflow.do('first', 'a', {}),
      await workflow.do('second', 'b', {}),
    ])
    const id = await engine.start('raced')
    const job = engine.queue.take()!
    engine.queue.jobs.push(...services.map(() => ({ ...job })))
    while (engine.queue.jobs.length > 0) {
      const jobs = engine.queue.jobs.splice(0)
      await Promise.all(
        jobs.map((job, n) => engine.runJob(job, services[n % services.length]))
      )
    }
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'completed', output: [1, 2] })
    expect(engine.calls.map(([name]) => name)).toEqual(['a', 'b'])
    expect(await engine.history(id)).toEqual([
      done('first', 1),
      done('second', 2),
    ])
    expect(engine.jobErrors).toEqual([])
  }

  test('orchestrators in many processes complete a run once', async () => {
    engine = await EngineHarness.open(client, { queue: true })
    const services = [engine.service]
    while (services.length < 6) services.push(await engine.another())
    await race(services)
  })

  test('orchestrators in one process complete a run once', async () => {
    engine = await EngineHarness.open(client, { queue: true })
    await race([engine.service, engine.service, engine.service])
  })

  test('a run is not failed by a step whose message comes again', async () => {
    engine = await EngineHarness.open(client, { queue: true })
    let tries = 0
    engine.step(
      'flaky',
      () => {
        if (++tries < 3) throw new Error(`try ${tries}`)
        return tries
      },
      { queued: true }
    )
    engine.step('steady', () => 0, { queued: true })
    engine.workflow('forked', (workflow) =>
      Promise.all([
        workflow.do('f', 'flaky', {}, { retries: 2 }),
        workflow.do('s', 'steady', {}),
      ])
    )
    const id = await engine.start('forked')
    await engine.runJob(engine.queue.take()!)
    const [first, second] = engine.queue.jobs.splice(0)
    // The other branch ends while this one waits for its next attempt.
    await engine.runJob(first!)
    const [again] = engine.queue.jobs.splice(0)
    await engine.runJob(second!)
    await engine.drain()
    expect(await engine.run(id)).toMatchObject({ status: 'running' })
    engine.queue.jobs.push(again!)
    await engine.drain()
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'completed', output: [3, 0] })
  })

  test('a replay queues no step again that a worker has in hand', async () => {
    engine = await EngineHarness.open(client, { queue: true })
    const gate = Promise.withResolvers<void>()
    const entered = Promise.withResolvers<void>()
    engine.step(
      'slow',
      async () => {
        entered.resolve()
        await gate.promise
      },
      { queued: true }
    )
    engine.workflow('waiting', (workflow) => workflow.do('s', 'slow', {}))
    const id = await engine.start('waiting')
    await engine.runJob(engine.queue.take()!)
    const worker = engine.runJob(engine.queue.take()!)
    await entered.promise
    await engine.service.orchestrateWorkflow(id, engine.rpc)
    expect(engine.queue.jobs).toEqual([])
    gate.resolve()
    await worker
    await engine.drain()
    expect(await engine.run(id)).toMatchObject({ status: 'completed' })
    expect(engine.count('slow')).toBe(1)
  })

  test('a run whose function was missing goes on when it is deployed', async () => {
    engine = await EngineHarness.open(client, { queue: true })
    engine.step(
      'later',
      () => {
        throw new RPCNotFoundError('later')
      },
      { queued: true }
    )
    engine.workflow('early', (workflow) => workflow.do('l', 'later', {}))
    const id = await engine.start('early')
    await engine.drain()
    expect(await engine.run(id)).toMatchObject({
      status: 'suspended',
      error: { code: 'RPC_NOT_FOUND' },
    })
    engine.step('later', () => 'deployed', { queued: true })
    await engine.service.resumeWorkflow(id)
    await engine.drain()
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'completed', output: 'deployed' })
    expect(engine.count('later')).toBe(2)
  })

  test('an orchestrator that waited for the lock knows what was done', async () => {
    engine = await EngineHarness.open(client, { queue: true })
    const patient = await engine.another({
      lock: { retries: 200, retryDelayMs: 10 },
    })
    const entered = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    engine.step('held', async () => {
      entered.resolve()
      await gate.promise
      return 'once'
    })
    engine.workflow('waited', (workflow) => workflow.do('h', 'held', {}))
    const id = await engine.start('waited')
    engine.queue.take()
    const first = engine.service.orchestrateWorkflow(id, engine.rpc)
    await entered.promise
    const drive = vi.spyOn(patient, 'runWorkflowJob')
    const second = patient.orchestrateWorkflow(id, engine.rpc)
    await vi.waitFor(() => expect(drive).toHaveBeenCalled())
    gate.resolve()
    await Promise.all([first, second])
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'completed', output: 'once' })
    expect(engine.count('held')).toBe(1)
    expect(await engine.history(id)).toEqual([done('h', 'once')])
  })
})
