import { type RedisAdapter, RedisConnectionError } from '@pikku/redis-core'
import { until } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CLIENTS, keysOf, openService, type Service } from '../clients.js'
import { EngineHarness, type Job, TestQueue } from '../engine/engine-harness.js'
import { readIndexes } from '../finding/indexes.js'
import { LEASE, firstRecovered, sweepUntilEnded } from './sweeping.js'

const STEP_WORKER = 'pikku-workflow-step-worker'

/** What dead or confused workers leave behind, and what then becomes of it. */
describe.each(CLIENTS)('what is left behind, over $client', (client) => {
  let harness: EngineHarness
  let letGo: () => void
  let held: Promise<void>

  beforeEach(async () => {
    harness = await EngineHarness.open(client, { queue: true, service: LEASE })
    held = new Promise((resolve) => {
      letGo = resolve
    })
    harness.step('quick', () => 'quick', { queued: true })
    harness.step(
      'stuck',
      async (_, wire) => {
        const attempt = wire.workflowStep?.attemptCount
        if (attempt === 1) await held
        return attempt
      },
      { queued: true }
    )
  })

  afterEach(async () => {
    letGo()
    await harness.close()
  })

  /** A run whose queued step a worker has in hand. */
  async function begin(workflow: string, worker: Service) {
    const calls = harness.calls.length
    const runId = await harness.start(workflow)
    let job = harness.queue.take() as Job
    while (job.queueName !== STEP_WORKER) {
      await harness.runJob(job)
      job = harness.queue.take() as Job
    }
    const working = harness.deliver(job, worker).catch(() => {})
    await until(async () => harness.calls.length > calls)
    return { runId, job, working }
  }

  const recovered = (service: Service = harness.service) =>
    firstRecovered(service)

  test('a step whose outcome could not be recorded is found while its process lives', async () => {
    harness.workflow('w', (workflow) =>
      workflow.do('it', 'flaky', {}, { retries: 2 })
    )
    let down = false
    const real = harness.service.adapter
    const refuse = async () => {
      throw new RedisConnectionError('It is away')
    }
    const adapter: RedisAdapter = {
      topology: real.topology,
      client: real.client,
      open: () => real.open(),
      close: async () => {},
      subscribe: (...args) => real.subscribe(...args),
      send: (command) => (down ? refuse() : real.send(command)),
      sendAll: (commands) => (down ? refuse() : real.sendAll(commands)),
    }
    const options = { keyPrefix: harness.prefix, ...LEASE, callTimeoutMs: 150 }
    const worker = await openService(client, options, adapter)
    harness.step(
      'flaky',
      (_, wire) => {
        down = wire.workflowStep?.attemptCount === 1
        return 'x'
      },
      { queued: true }
    )
    const runId = await harness.start('w')
    await harness.runJob(harness.queue.take() as Job)
    await harness.runJob(harness.queue.take() as Job, worker)
    expect(harness.jobErrors).toHaveLength(1)
    down = false
    // The queue tries again: the step runs, so the message is done with.
    await harness.drain()
    expect(harness.queue.jobs).toEqual([])
    expect(await sweepUntilEnded(harness, runId)).toBe('completed')
    await worker.close()
  })

  test('the step of a driver that lost its run is not kept in hand', async () => {
    harness.workflow('w', (workflow) => workflow.do('it', async () => 1))
    const runId = await harness.start('w')
    harness.queue.jobs.length = 0
    const loser = await harness.another(LEASE)
    const lockKey = keysOf(harness.prefix).lockKey(runId)
    await loser
      .withRunLock(runId, async () => {
        const step = await loser.insertStepState(
          runId,
          'it',
          null as never,
          null
        )
        await loser.setStepRunning(step.stepId)
        const args = ['DEL', lockKey] as const
        await harness.service.adapter.send({ key: lockKey, args })
        await loser.setStepResult(step.stepId, 1)
      })
      .catch(() => {})
    expect(await sweepUntilEnded(harness, runId)).toBe('completed')
  })

  test("a late error of a worker that lost its step is not another's", async () => {
    let calls = 0
    const fail: Array<(error: Error) => void> = []
    const finish: Array<() => void> = []
    harness.step(
      'slow',
      () => {
        calls++
        return new Promise((resolve, reject) => {
          finish.push(() => resolve(calls))
          fail.push(reject)
        })
      },
      { queued: true }
    )
    harness.workflow('w', (workflow) =>
      workflow.do('it', 'slow', {}, { retries: 3 })
    )
    const paused = await harness.another(LEASE)
    const { runId, job, working } = await begin('w', paused)
    // Its renewals do not come: the lease runs out.
    const { leases } = await readIndexes(harness.service, harness.prefix)
    const index = keysOf(harness.prefix).indexKeys(runId).leases
    await until(async () => {
      const args = ['ZADD', index, '0', leases[0]!] as const
      await harness.service.adapter.send({ key: index, args })
      const sweep = await harness.service.recoverOrphanedSteps()
      return sweep.recovered.length > 0
    })
    await harness.runJob(harness.queue.take() as Job)
    const again = harness.deliver(harness.queue.take() as Job, harness.service)
    await until(async () => calls === 2)
    fail[0]?.(new Error('late'))
    await working
    await harness.runJob(job, paused)
    expect(await harness.service.getStepState(runId, 'it')).toMatchObject({
      status: 'running',
      attemptCount: 2,
    })
    expect(calls).toBe(2)
    finish[1]?.()
    await again
    expect((await harness.service.getStepState(runId, 'it')).result).toBe(2)
  })

  test.each(['fail', 'retry'] as const)(
    "with orphans: '%s', the message of a step that failed for good runs nothing",
    async (orphans) => {
      const retries = orphans === 'fail' ? 3 : 0
      harness.workflow('w', (workflow) =>
        workflow.do('it', 'stuck', {}, { retries })
      )
      const worker = await harness.another(LEASE)
      const { runId, job } = await begin('w', worker)
      await worker.close()
      const sweeper = await harness.another({ ...LEASE, orphans })
      expect(await recovered(sweeper)).toMatchObject([{ outcome: 'failed' }])
      await harness.drain()
      expect((await harness.run(runId)).status).toBe('failed')
      await harness.runJob(job)
      expect(harness.count('stuck')).toBe(1)
    }
  )

  test('a new message after a lost worker brings no attempts of its own', async () => {
    harness.step(
      'bad',
      async (_, wire) => {
        if (wire.workflowStep?.attemptCount === 1) await held
        throw new Error('no')
      },
      { queued: true }
    )
    harness.workflow('w', (workflow) =>
      workflow.do('it', 'bad', {}, { retries: 2 })
    )
    const worker = await harness.another(LEASE)
    const { runId } = await begin('w', worker)
    await worker.close()
    await recovered()
    await harness.drain()
    expect((await harness.run(runId)).status).toBe('failed')
    expect(await harness.service.getRunHistory(runId)).toHaveLength(3)
  })

  test.each([
    ['retry', 'completed'],
    ['fail', 'failed'],
  ] as const)(
    "a graph whose node's worker died ends: orphans '%s', %s",
    async (orphans, end) => {
      harness.graph(
        'g',
        { it: { rpcName: 'node', retries: 2, next: [] } },
        'it'
      )
      let calls = 0
      harness.step(
        'node',
        async () => {
          calls++
          if (calls === 1) await held
          return calls
        },
        { queued: true }
      )
      const worker = await harness.another(LEASE)
      const { runId, job } = await begin('g', worker)
      // The queue gives the message again while the lease is still valid.
      await harness.runJob(job)
      await worker.close()
      const sweeper = await harness.another({ ...LEASE, orphans })
      expect(await sweepUntilEnded(harness, runId, sweeper)).toBe(end)
    }
  )

  test("a graph's node that was planned and not queued is queued by a sweep", async () => {
    harness.graph('g', { it: { rpcName: 'quick', next: [] } }, 'it')
    harness.queue.failure = new Error('The queue is down')
    const runId = await harness.startFailing('g')
    harness.queue.failure = undefined
    const [listed] = (await readIndexes(harness.service, harness.prefix))
      .pending
    expect(await sweepUntilEnded(harness, runId || listed!)).toBe('completed')
  })

  test("a queue that only the service was given gets a graph's node from the first sweep", async () => {
    const alone = await EngineHarness.open(client)
    const queue = new TestQueue()
    const service = await alone.another({ ...LEASE, queue })
    alone.step('quick', () => 'quick', { queued: true })
    alone.graph('g', { it: { rpcName: 'quick', next: [] } }, 'it')
    const runId = await service.createRun('g', {}, false, 'g-1', {
      type: 'test',
    })
    await service.insertStepState(runId, 'it', 'quick', {})
    await until(async () => {
      const { redispatched } = await service.relayUndispatchedSteps({
        undispatchedAfterMs: 20,
      })
      return redispatched.includes(runId)
    })
    const queued = queue.jobs.map(({ queueName }) => queueName)
    expect(queued).toContain(STEP_WORKER)
    await alone.close()
  })

  test('a lease that cannot be looked at does not hide the others', async () => {
    harness.workflow('w', (workflow) =>
      workflow.do('it', 'stuck', {}, { retries: 2 })
    )
    const worker = await harness.another(LEASE)
    const bad = await begin('w', worker)
    const good = await begin('w', worker)
    await worker.close()
    const key = keysOf(harness.prefix).stepKey(bad.runId, 'it')
    await harness.service.adapter.send({ key, args: ['DEL', key] })
    await harness.service.adapter.send({ key, args: ['SET', key, 'foreign'] })
    harness.service.startRecovery({ everyMs: 20 })
    await until(async () => {
      await harness.drain()
      return (await harness.run(good.runId)).status === 'completed'
    })
    expect(
      harness.warnings.some((line) => line.includes(`${bad.runId}:it`))
    ).toBe(true)
  })

  test('the delay before the next attempt of a driver is no reason to drive it', async () => {
    let calls = 0
    const options = { retries: 3, retryDelay: '60s' } as never
    harness.workflow('w', (workflow) =>
      workflow.do(
        'it',
        async () => {
          calls++
          throw new Error('no')
        },
        options
      )
    )
    await harness.start('w')
    await harness.runJob(harness.queue.take() as Job)
    expect(harness.queue.jobs[0]?.options.delay).toBe(60_000)
    const later = Date.now() + 400
    while (Date.now() < later) {
      const { service } = harness
      const stalled = await service.recoverStalledRuns({ stalledAfterMs: 50 })
      const waiting = await service.relayUndispatchedSteps({
        undispatchedAfterMs: 50,
      })
      expect([...stalled.resumed, ...waiting.redispatched]).toEqual([])
    }
    expect(calls).toBe(1)
  })

  test('a process whose clock is an hour behind finds what is due', async () => {
    harness.workflow('w', (workflow) =>
      workflow.do('it', 'stuck', {}, { retries: 2 })
    )
    const worker = await harness.another(LEASE)
    const orphaned = await begin('w', worker)
    await worker.close()
    const { service } = harness
    const wire = { type: 'test' }
    const idle = await service.createRun('w', {}, false, 'w-1', wire)
    const waiting = await service.createRun('w', {}, false, 'w-1', wire)
    await service.insertStepState(waiting, 'it', 'quick', {})
    const now = Date.now.bind(Date)
    const clock = vi.spyOn(Date, 'now')
    clock.mockImplementation(() => now() - 3_600_000)
    const found = new Set<string>()
    await until(async () => {
      const { recovered } = await service.recoverOrphanedSteps()
      for (const { runId } of recovered) found.add(runId)
      const { redispatched } = await service.relayUndispatchedSteps({
        undispatchedAfterMs: 100,
      })
      const { resumed } = await service.recoverStalledRuns({
        stalledAfterMs: 100,
      })
      for (const runId of [...redispatched, ...resumed]) found.add(runId)
      return [orphaned.runId, idle, waiting].every((id) => found.has(id))
    }).finally(() => clock.mockRestore())
  })
})
