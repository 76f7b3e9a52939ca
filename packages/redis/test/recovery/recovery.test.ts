import { RedisOptionsError } from '@pikku/redis'
import { until } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, type Service } from '../clients.js'
import { EngineHarness } from '../engine/engine-harness.js'
import { readIndexes } from '../finding/indexes.js'
import { LEASE, firstRecovered } from './sweeping.js'

describe.each(CLIENTS)('recovery over $client', (client) => {
  let harness: EngineHarness
  let letGo: () => void

  beforeEach(async () => {
    harness = await EngineHarness.open(client, { queue: true, service: LEASE })
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    harness.step('quick', () => 'quick', { queued: true })
    harness.step(
      'stuck',
      async (_, wire) => {
        const attempt = wire.workflowStep!.attemptCount
        if (attempt === 1) await held
        return attempt
      },
      { queued: true }
    )
    for (const retries of [0, 2]) {
      harness.workflow(`retries ${retries}`, (workflow) =>
        workflow.do('it', 'stuck', {}, { retries })
      )
    }
  })

  afterEach(async () => {
    letGo()
    await harness.close()
  })

  /** A worker that has the step in hand when its process stops for good. */
  async function strand(workflow: string): Promise<string> {
    const calls = harness.count('stuck')
    const runId = await harness.start(workflow)
    const worker = await harness.another(LEASE)
    await harness.drain(harness.service === worker ? worker : driver(worker))
    await until(async () => harness.count('stuck') > calls)
    await worker.close()
    return runId
  }

  /** Steps are begun and not waited for, as by a worker of its own. */
  function driver(worker: Service): Service {
    return new Proxy(harness.service, {
      get(target, name) {
        if (name === 'executeWorkflowStep') {
          return async (...args: Parameters<Service['executeWorkflowStep']>) =>
            void worker.executeWorkflowStep(...args).catch(() => {})
        }
        const value = Reflect.get(target, name, target) as unknown
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  const recovered = (service: Service = harness.service) =>
    firstRecovered(service)
  const leases = async () =>
    (await readIndexes(harness.service, harness.prefix)).leases

  test('a step whose worker died is run again, and the lost attempt says so', async () => {
    const runId = await strand('retries 2')
    expect(await recovered()).toEqual([
      { runId, stepName: 'it', outcome: 'retried' },
    ])
    await harness.drain()
    expect(await harness.run(runId)).toMatchObject({
      status: 'completed',
      output: 2,
    })
    const [lost, last] = await harness.service.getRunHistory(runId)
    expect(lost).toMatchObject({
      status: 'failed',
      attemptCount: 1,
      error: { code: 'WORKER_LOST' },
    })
    expect(last).toMatchObject({ status: 'succeeded', attemptCount: 2 })
    expect(await leases()).toEqual([])
  })

  test('with no attempt left the step fails, and so does its run', async () => {
    const runId = await strand('retries 0')
    expect(await recovered()).toMatchObject([{ outcome: 'failed' }])
    await harness.drain()
    expect(await harness.run(runId)).toMatchObject({
      status: 'failed',
      error: { message: expect.stringContaining(runId) },
    })
    expect(await leases()).toEqual([])
  })

  test("with orphans: 'fail' no attempt is made again", async () => {
    const runId = await strand('retries 2')
    const strict = await harness.another({ ...LEASE, orphans: 'fail' })
    expect(await recovered(strict)).toMatchObject([{ outcome: 'failed' }])
    await harness.drain()
    expect((await harness.run(runId)).status).toBe('failed')
    expect(harness.count('stuck')).toBe(1)
  })

  test('a step that takes longer than its lease stays with a live worker', async () => {
    const runId = await harness.start('retries 2')
    await harness.drain(driver(harness.service))
    const sweeps = Date.now() + 1_000
    while (Date.now() < sweeps) {
      expect((await harness.service.recoverOrphanedSteps()).recovered).toEqual(
        []
      )
    }
    letGo()
    await until(async () => {
      await harness.drain()
      return (await harness.run(runId)).status === 'completed'
    })
    expect((await harness.run(runId)).output).toBe(1)
  })

  test('many sweeps at once take a step from a dead worker once', async () => {
    const runId = await strand('retries 2')
    await until(async () => {
      const all = await Promise.all(
        Array.from({ length: 10 }, () => harness.service.recoverOrphanedSteps())
      )
      const found = all.flatMap((sweep) => sweep.recovered)
      expect(found.length).toBeLessThanOrEqual(1)
      return found.length === 1
    })
    await harness.drain()
    expect(harness.count('stuck')).toBe(2)
    expect((await harness.run(runId)).status).toBe('completed')
  })

  test('a late result of the lost worker counts, and its step is not run again', async () => {
    const runId = await strand('retries 2')
    await recovered()
    const { stepId } = await harness.service.getStepState(runId, 'it')
    await harness.service.setStepResult(stepId, 'late')
    await harness.drain()
    expect((await harness.run(runId)).output).toBe('late')
    expect(harness.count('stuck')).toBe(1)
  })

  test('a run whose first message was lost is driven by the elected process', async () => {
    harness.workflow('simple', (workflow) => workflow.do('one', 'quick', {}))
    const runId = await harness.start('simple')
    harness.queue.jobs.length = 0
    harness.service.startRecovery({ everyMs: 20 })
    await until(async () => {
      await harness.drain()
      return (await harness.run(runId)).status === 'completed'
    })
    expect(harness.infos.some((line) => line.includes(runId))).toBe(true)
    expect(await readIndexes(harness.service, harness.prefix)).toMatchObject({
      idle: [],
      pending: [],
      leases: [],
    })
  })

  test('a step whose dispatcher died before it was queued is dispatched by a sweep', async () => {
    harness.workflow('simple', (workflow) => workflow.do('one', 'quick', {}))
    const runId = await harness.start('simple')
    harness.queue.jobs.length = 0
    await harness.service.insertStepState(runId, 'one', 'quick', {})
    expect((await harness.run(runId)).status).toBe('running')
    await until(async () => {
      const { redispatched } = await harness.service.relayUndispatchedSteps({
        undispatchedAfterMs: 50,
      })
      return redispatched.includes(runId)
    })
    await harness.drain()
    expect((await harness.run(runId)).status).toBe('completed')
  })

  test("a child's result reaches its parent though the child's process died", async () => {
    const runId = await strand('retries 2')
    const { stepId } = await harness.service.getStepState(runId, 'it')
    const child = await harness.service.createRun('child', {}, false, 'h', {
      type: 'workflow',
    })
    await harness.service.setStepChildRunId(stepId, child)
    await until(async () => {
      expect((await harness.service.recoverOrphanedSteps()).recovered).toEqual(
        []
      )
      return Date.now() > (await harness.run(runId)).updatedAt.getTime() + 500
    })
    await harness.service.updateRunStatus(child, 'completed', { of: 'child' })
    expect(await recovered()).toMatchObject([{ outcome: 'child-ended' }])
    await harness.drain()
    expect((await harness.run(runId)).output).toEqual({ of: 'child' })
  })

  test('a driver that died in the middle of a step is replaced', async () => {
    harness.workflow('inline', (workflow) => workflow.do('it', async () => 1))
    const runId = await harness.start('inline')
    harness.queue.jobs.length = 0
    const dead = await harness.another(LEASE)
    await dead.withRunLock(runId, async () => {
      const step = await dead.insertStepState(runId, 'it', null as never, null)
      await dead.setStepRunning(step.stepId)
      expect(await leases()).toHaveLength(1)
    })
    await dead.close()
    expect(await recovered()).toMatchObject([{ outcome: 'redriven' }])
    await harness.drain()
    expect(await harness.run(runId)).toMatchObject({
      status: 'completed',
      output: 1,
    })
    expect(await leases()).toEqual([])
  })

  test('when the elected process ends, the next one recovers', async () => {
    const first = await harness.another(LEASE)
    const second = await harness.another(LEASE)
    first.startRecovery({ everyMs: 20 })
    second.startRecovery({ everyMs: 20 })
    await first.close()
    harness.workflow('simple', (workflow) => workflow.do('one', 'quick', {}))
    const runId = await harness.start('simple')
    harness.queue.jobs.length = 0
    await until(async () => {
      await harness.drain()
      return (await harness.run(runId)).status === 'completed'
    })
  })

  test('a run that is suspended, or that somebody drives, is left alone', async () => {
    const { service } = harness
    const suspended = await harness.start('retries 2')
    const driven = await harness.start('retries 2')
    harness.queue.jobs.length = 0
    await service.updateRunStatus(suspended, 'suspended')
    await service.withRunLock(driven, async () => {
      const later = Date.now() + 400
      while (Date.now() < later) {
        const { resumed } = await service.recoverStalledRuns({
          stalledAfterMs: 50,
        })
        expect(resumed).toEqual([])
      }
    })
    await until(async () => {
      const { resumed } = await service.recoverStalledRuns({
        stalledAfterMs: 50,
      })
      expect(resumed).not.toContain(suspended)
      return resumed.includes(driven)
    })
  })

  test('a bad option is refused by name', async () => {
    const start = (options: object) => () =>
      harness.service.startRecovery(options)
    expect(start({ everyMs: 0 })).toThrow(RedisOptionsError)
    expect(start({ every: 5 })).toThrow("'every'")
    await expect(harness.another({ stepLeaseMs: 1 })).rejects.toThrow(
      'stepLeaseMs'
    )
    await expect(harness.another({ orphans: 'drop' as never })).rejects.toThrow(
      'orphans'
    )
  })
})
