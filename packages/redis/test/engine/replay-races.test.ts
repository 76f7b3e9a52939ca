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
    const lock = vi.spyOn(patient, 'withRunLock')
    const second = patient.orchestrateWorkflow(id, engine.rpc)
    await vi.waitFor(() => expect(lock).toHaveBeenCalled())
    gate.resolve()
    await Promise.all([first, second])
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'completed', output: 'once' })
    expect(engine.count('held')).toBe(1)
    expect(await engine.history(id)).toEqual([done('h', 'once')])
  })
})
