import { afterEach, describe, expect, test } from 'vitest'
import { CLIENTS } from '../clients.js'
import { done, EngineHarness, type HarnessOptions } from './engine-harness.js'

describe.each(CLIENTS)('steps in the engine over $client', (client) => {
  let engine: EngineHarness
  const open = async (options?: HarnessOptions) =>
    (engine = await EngineHarness.open(client, options))

  afterEach(() => engine.close())

  const addNumbers = () => {
    engine.step<number>('double', (n) => n * 2)
    engine.step<number>('increment', (n) => n + 1)
    engine.workflow('sum', async (workflow, input) => {
      const a = await workflow.do<number>('first', 'double', input)
      return workflow.do<number>('second', 'increment', a)
    })
  }

  test('sequential steps record results in order and return the output', async () => {
    await open()
    addNumbers()
    const id = await engine.start('sum', 4)
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'completed', output: 9, inline: true })
    expect(await engine.history(id)).toEqual([
      done('first', 8),
      done('second', 9),
    ])
    expect(engine.calls).toEqual([
      ['double', 4],
      ['increment', 8],
    ])
  })

  test('parallel steps both record, also when they go through a queue', async () => {
    for (const queued of [false, true]) {
      await open({ queue: queued })
      engine.step<number>('left', (n) => n + 1, { queued })
      engine.step<number>('right', (n) => n + 2, { queued })
      engine.workflow('both', (workflow) =>
        Promise.all([
          workflow.do('l', 'left', 10),
          workflow.do('r', 'right', 10),
        ])
      )
      const id = await engine.start('both')
      await engine.drain()
      const run = await engine.run(id)
      expect(run).toMatchObject({ status: 'completed', output: [11, 12] })
      const history = await engine.history(id)
      expect(history).toHaveLength(2)
      expect(history).toEqual(
        expect.arrayContaining([done('l', 11), done('r', 12)])
      )
      expect(engine.calls).toHaveLength(2)
      if (!queued) await engine.close()
    }
  })

  test('an inline step records what it returns, inline and remote', async () => {
    for (const queue of [false, true]) {
      await open({ queue })
      let ran = 0
      engine.workflow('inline', async (workflow) => {
        const at = await workflow.do('pick', async () => ({ ran: ++ran }))
        await workflow.do('nothing', async () => undefined)
        await workflow.sleep('nap', '1ms')
        return at
      })
      const id = await engine.start('inline')
      await engine.drain()
      const run = await engine.run(id)
      expect(run).toMatchObject({ status: 'completed', output: { ran: 1 } })
      expect(ran).toBe(1)
      expect((await engine.history(id))[0]).toEqual(done('pick', { ran: 1 }))
      if (!queue) await engine.close()
    }
  })

  /** Fails twice, then returns at which attempt it is. */
  const flaky = () => {
    let calls = 0
    return () => {
      calls += 1
      if (calls < 3) throw new Error(`try ${calls}`)
      return calls
    }
  }

  const attempts = (stepName: string) => [
    {
      stepName,
      status: 'failed',
      attemptCount: 1,
      result: undefined,
      error: 'try 1',
    },
    {
      stepName,
      status: 'failed',
      attemptCount: 2,
      result: undefined,
      error: 'try 2',
    },
    { ...done(stepName, 3), attemptCount: 3 },
  ]

  test('a step that fails twice is retried after its delay, each attempt kept', async () => {
    await open()
    engine.step('flaky', flaky())
    engine.workflow('retried', (workflow) =>
      workflow.do('f', 'flaky', {}, { retries: 3, retryDelay: 30 })
    )
    const before = Date.now()
    const id = await engine.start('retried')
    expect(Date.now() - before).toBeGreaterThanOrEqual(55)
    expect(await engine.run(id)).toMatchObject({ output: 3 })
    expect(await engine.history(id)).toEqual(attempts('f'))
    const step = await engine.service.getStepState(id, 'f')
    expect(step).toMatchObject({ attemptCount: 3, status: 'succeeded' })
    expect(step.error).toBeUndefined()
  })

  test('a queued step is retried by its message, each attempt kept', async () => {
    await open({ queue: true })
    engine.step('flaky', flaky(), { queued: true })
    engine.workflow('retried', (workflow) =>
      workflow.do('f', 'flaky', {}, { retries: 2, retryDelay: 30 })
    )
    const id = await engine.start('retried')
    await engine.runJob(engine.queue.take()!)
    expect(engine.queue.jobs).toMatchObject([
      { options: { attempts: 3, backoff: { type: 'fixed', delay: 30 } } },
    ])
    await engine.drain()
    expect(await engine.run(id)).toMatchObject({
      status: 'completed',
      output: 3,
    })
    expect(await engine.history(id)).toEqual(attempts('f'))
    expect(engine.jobErrors).toEqual(['try 1', 'try 2'])
  })

  test('an inline step of a remote run is retried by delayed orchestrator jobs', async () => {
    await open({ queue: true })
    const body = flaky()
    engine.workflow('retried', (workflow) =>
      workflow.do('f', async () => body(), { retries: 3, retryDelay: 7_000 })
    )
    const id = await engine.start('retried')
    await engine.runJob(engine.queue.take()!)
    expect(engine.queue.jobs).toMatchObject([{ options: { delay: 7_000 } }])
    expect(await engine.run(id)).toMatchObject({ status: 'running' })
    await engine.drain()
    expect(await engine.run(id)).toMatchObject({
      status: 'completed',
      output: 3,
    })
    expect(await engine.history(id)).toEqual(attempts('f'))
  })

  test('a run fails with the error of a step that never succeeds', async () => {
    await open()
    engine.step('broken', () => {
      throw Object.assign(new Error('no way'), { code: 'E_BROKEN' })
    })
    engine.workflow('failing', (workflow) =>
      workflow.do('b', 'broken', {}, { retries: 2 })
    )
    const id = await engine.startFailing('failing')
    const run = await engine.run(id)
    expect(run).toMatchObject({
      status: 'failed',
      error: { message: 'no way' },
    })
    expect(engine.count('broken')).toBe(2)
    const step = await engine.service.getStepState(id, 'b')
    expect(step).toMatchObject({
      status: 'failed',
      error: { message: 'no way', code: 'E_BROKEN' },
    })
  })

  test('a failed step is compensated once by onError, and the run fails', async () => {
    await open({ queue: true })
    engine.step('charge', () => Promise.reject(new Error('declined')), {
      queued: true,
    })
    engine.step('refund', () => 'refunded')
    engine.workflow('order', (workflow) =>
      workflow.do('pay', 'charge', {}, { retries: 1, onError: 'refund' })
    )
    const id = await engine.start('order')
    await engine.drain()
    const run = await engine.run(id)
    expect(run).toMatchObject({
      status: 'failed',
      error: { message: 'declined' },
    })
    expect(engine.count('charge')).toBe(2)
    expect(engine.calls.filter(([name]) => name === 'refund')).toEqual([
      ['refund', { error: { message: 'declined' } }],
    ])
    expect((await engine.history(id)).at(-1)).toEqual(
      done('pay:onError', 'refunded')
    )
  })
})
