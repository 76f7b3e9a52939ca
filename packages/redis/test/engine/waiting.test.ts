import { afterEach, describe, expect, test } from 'vitest'
import { CLIENTS } from '../clients.js'
import { done, EngineHarness, type HarnessOptions } from './engine-harness.js'

interface Decision {
  approved: boolean
}

/** A standard schema: a decision must say whether it approves. */
const schema = {
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    types: {} as { input: unknown; output: Decision },
    validate: (value: unknown) => {
      const { approved } = (value ?? {}) as Partial<Decision>
      return typeof approved === 'boolean'
        ? { value: { approved } }
        : { issues: [{ message: 'approved?', path: ['approved'] }] }
    },
  },
}

describe.each(CLIENTS)('a waiting run over $client', (client) => {
  let engine: EngineHarness
  const open = async (options?: HarnessOptions) =>
    (engine = await EngineHarness.open(client, options))

  afterEach(() => engine.close())

  const addNap = (duration: string) => {
    engine.step('wake', () => 'awake')
    engine.workflow('nap', async (workflow) => {
      await workflow.sleep('sleep', duration)
      return workflow.do('after', 'wake', {})
    })
  }

  test('an inline run sleeps for the time that it says, then goes on', async () => {
    await open()
    addNap('40ms')
    const before = Date.now()
    const id = await engine.start('nap')
    expect(Date.now() - before).toBeGreaterThanOrEqual(39)
    expect(await engine.run(id)).toMatchObject({ output: 'awake' })
    expect(await engine.history(id)).toEqual([
      done('sleep'),
      done('after', 'awake'),
    ])
    expect(engine.queue.jobs).toEqual([])
  })

  test('a remote run sleeps in the scheduler and is woken by it', async () => {
    await open({ queue: true })
    addNap('3h')
    const id = await engine.start('nap')
    await engine.runJob(engine.queue.take()!)
    const { stepId, status } = await engine.service.getStepState(id, 'sleep')
    expect(status).toBe('scheduled')
    expect(engine.queue.jobs).toMatchObject([
      {
        queueName: 'pikkuWorkflowSleeper',
        data: { runId: id, stepId },
        options: { delay: 3 * 3_600_000 },
      },
    ])
    await engine.service.orchestrateWorkflow(id, engine.rpc)
    expect(engine.queue.jobs).toHaveLength(1)
    expect(await engine.run(id)).toMatchObject({ status: 'running' })
    await engine.drain()
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'completed', output: 'awake' })
    expect((await engine.history(id))[0]).toEqual(done('sleep'))
  })

  test('a suspended run goes on where it stopped once it is resumed', async () => {
    await open({ queue: true })
    engine.step('before', () => 1)
    engine.step('after', () => 2)
    engine.workflow('gate', async (workflow) => {
      const a = await workflow.do('a', 'before', {})
      await workflow.suspend('wait for it')
      const b = await workflow.do('b', 'after', {})
      return [a, b]
    })
    const id = await engine.start('gate')
    await engine.drain()
    expect(await engine.run(id)).toMatchObject({
      status: 'suspended',
      error: { message: 'wait for it', code: 'WORKFLOW_SUSPENDED' },
    })
    expect(engine.count('after')).toBe(0)
    await engine.service.resumeWorkflow(id)
    await engine.drain()
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'completed', output: [1, 2] })
    expect(run.error).toBeUndefined()
    expect(engine.calls.map(([name]) => name)).toEqual(['before', 'after'])
  })

  const addApproval = () => {
    engine.step('pay', () => 'paid')
    engine.workflow('invoice', async (workflow) => {
      const outcome = await workflow.approval('boss', { schema })
      if (outcome.status !== 'decided') return outcome.status
      return outcome.data.approved ? workflow.do('p', 'pay', {}) : 'refused'
    })
  }

  const approve = async (id: string, decision: unknown) => {
    await engine.service.approveStep(id, 'boss', decision)
    await engine.drain()
  }

  test('a granted approval lets the run go on, and is final', async () => {
    await open({ queue: true })
    addApproval()
    const id = await engine.start('invoice')
    await engine.drain()
    expect(await engine.run(id)).toMatchObject({ status: 'suspended' })
    await approve(id, { approved: true })
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'completed', output: 'paid' })
    const [gate] = await engine.history(id)
    expect(gate).toMatchObject({
      stepName: '__workflow_approval:boss',
      status: 'succeeded',
      result: { status: 'decided', data: { approved: true } },
    })
    const again = engine.service.approveStep(id, 'boss', { approved: false })
    await expect(again).rejects.toThrow('Approval already decided')
  })

  test('a refused approval reaches the run as approved: false', async () => {
    await open({ queue: true })
    addApproval()
    const id = await engine.start('invoice')
    await engine.drain()
    await approve(id, { approved: false })
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'completed', output: 'refused' })
    expect(engine.count('pay')).toBe(0)
  })

  test('a decision that the schema refuses is cleared, and a good one counts', async () => {
    await open({ queue: true })
    addApproval()
    const id = await engine.start('invoice')
    await engine.drain()
    await approve(id, { approved: 'perhaps' })
    expect(await engine.run(id)).toMatchObject({ status: 'suspended' })
    const [record] = Object.values(await engine.service.getRunState(id))
    expect(record).toMatchObject({
      error: [{ message: 'approved?', path: ['approved'] }],
    })
    expect(record).not.toHaveProperty('decision')
    await approve(id, { approved: true })
    expect(await engine.run(id)).toMatchObject({ output: 'paid' })
  })

  test('a decision that comes before the gate is kept for it', async () => {
    await open({ queue: true })
    addApproval()
    const id = await engine.start('invoice')
    await approve(id, { approved: true })
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'completed', output: 'paid' })
  })

  test('an approval that nobody gives expires', async () => {
    await open({ queue: true })
    engine.workflow('deadline', async (workflow) => {
      const options = { schema, expiry: 1 }
      return (await workflow.approval('boss', options)).status
    })
    const id = await engine.start('deadline')
    await engine.runJob(engine.queue.take()!)
    expect(engine.queue.jobs).toMatchObject([{ options: { delay: 1 } }])
    const [record] = Object.values(await engine.service.getRunState(id))
    const { expiresAt } = record as { expiresAt: string }
    while (Date.now() < Date.parse(expiresAt)) await Promise.resolve()
    await engine.drain()
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'completed', output: 'expired' })
  })

  /** A workflow that runs another one as its step. */
  const addFamily = (options: { queued?: boolean } = {}) => {
    engine.step<number>('square', (n) => n * n)
    engine.workflow(
      'child',
      (workflow, input) => {
        if (input === 0) throw new Error('nothing to square')
        return workflow.do('s', 'square', input)
      },
      options
    )
    engine.workflow('parent', async (workflow, input) => {
      const squared = await workflow.do<number>('run child', 'child', input)
      return squared + 1
    })
  }

  const childOf = async (id: string) => {
    const step = await engine.service.getStepState(id, 'run child')
    return engine.run(step.childRunId!)
  }

  test.each([false, true])(
    'an inline child workflow gives its output to the parent (remote: %s)',
    async (queue) => {
      await open({ queue })
      addFamily()
      const id = await engine.start('parent', 3)
      await engine.drain()
      const run = await engine.run(id)
      expect(run).toMatchObject({ status: 'completed', output: 10 })
      expect(await childOf(id)).toMatchObject({
        workflow: 'child',
        status: 'completed',
        output: 9,
        inline: true,
        wire: { parentRunId: id },
      })
      expect(engine.count('square')).toBe(1)
    }
  )

  test('a queued child workflow wakes its parent with its output', async () => {
    await open({ queue: true })
    addFamily({ queued: true })
    const id = await engine.start('parent', 3)
    await engine.runJob(engine.queue.take()!)
    await engine.runJob(engine.queue.take()!)
    const step = await engine.service.getStepState(id, 'run child')
    expect(step.status).toBe('running')
    await engine.drain()
    const run = await engine.run(id)
    expect(run).toMatchObject({ status: 'completed', output: 10 })
    expect(await childOf(id)).toMatchObject({
      status: 'completed',
      wire: { parentRunId: id, parentStepId: step.stepId },
    })
    expect(engine.count('square')).toBe(1)
  })

  test('a queued child workflow that fails takes its parent with it', async () => {
    await open({ queue: true })
    addFamily({ queued: true })
    const id = await engine.start('parent', 0)
    await engine.drain()
    const failed = { status: 'failed', error: { message: 'nothing to square' } }
    expect(await engine.run(id)).toMatchObject(failed)
    expect(await childOf(id)).toMatchObject(failed)
  })
})
