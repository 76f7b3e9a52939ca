import { setTimeout as delay } from 'node:timers/promises'
import { until } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, keysOf, type Service } from '../clients.js'
import { EngineHarness, type Job } from '../engine/engine-harness.js'
import {
  firstRecovered,
  LEASE,
  SCHEMA,
  sweep,
  sweepUntilEnded,
} from './sweeping.js'

/** A body that goes on behind a failure, and not behind what tells it to wait. */
const rethrowWaiting = (error: Error) => {
  if (error.name === 'WorkflowAsyncException') throw error
}
const AWAY = new Error('the queue is away')

/**
 * Whoever records what a run waits for tells its driver next, and may die, or
 * find no queue, in between. Other steps in flight must not hide that.
 */
describe.each(CLIENTS)('lost wake-ups over $client', (client) => {
  let harness: EngineHarness

  beforeEach(async () => {
    harness = await EngineHarness.open(client, { queue: true, service: LEASE })
    harness.step('quick', () => 'quick', { queued: true })
    harness.workflow('child', async () => 'child', { queued: true })
  })

  afterEach(() => harness.close())

  /** Two branches: one goes on behind a queued step, the other one sleeps. */
  function besideMonth(rpcName: string, retries = 0) {
    harness.workflow('month', (workflow) =>
      Promise.all([
        workflow.sleep('month', '30d'),
        workflow
          .do('first', rpcName, {}, { retries })
          .catch(rethrowWaiting)
          .then(() => workflow.do('second', async () => 'done')),
      ])
    )
    return harness.start('month')
  }

  /** The jobs, but for the month's, and in the order of their arrival. */
  async function takeJob(): Promise<Job> {
    const { jobs } = harness.queue
    const i = jobs.findIndex(({ options }) => !options.delay)
    expect(i).not.toBe(-1)
    return jobs.splice(i, 1)[0]!
  }

  /** Every sweep, and the jobs that are due, until the run has ended. */
  async function sweepUntil(runId: string, isSo: () => Promise<boolean>) {
    const { service, queue } = harness
    await until(async () => {
      await sweep(service)
      while (queue.jobs.some(({ options }) => !options.delay)) {
        await harness.runJob(await takeJob())
      }
      return isSo()
    })
    return (await harness.run(runId)).status
  }

  const goesOn = (runId: string) => async () =>
    (await harness.history(runId)).some(
      ({ stepName, status }) => stepName === 'second' && status === 'succeeded'
    )

  /** The run's score in the index that the sweep of stalled runs looks at. */
  function idleSince(runId: string) {
    const { idle } = keysOf(harness.prefix).indexKeys(runId)
    const args = ['ZSCORE', idle, runId] as const
    return harness.service.adapter.send({ key: idle, args })
  }

  /** As a worker that dies when its step's result is recorded. */
  async function recordAndDie(runId: string, stepName: string) {
    const dead = await harness.another(LEASE)
    const { stepId } = await dead.getStepState(runId, stepName)
    await dead.setStepRunning(stepId)
    await dead.setStepResult(stepId, 'quick')
    await dead.close()
  }

  test('a worker dies behind its result, beside a step that takes a month', async () => {
    const runId = await besideMonth('quick')
    await harness.runJob(await takeJob())
    await takeJob()
    await recordAndDie(runId, 'first')
    expect(await sweepUntil(runId, goesOn(runId))).toBe('running')
  })

  test('a message that comes again behind a result drives the run on', async () => {
    const runId = await besideMonth('quick')
    await harness.runJob(await takeJob())
    const job = await takeJob()
    harness.queue.failure = AWAY
    await expect(harness.deliver(job, harness.service)).rejects.toThrow('away')
    harness.queue.failure = undefined
    await harness.deliver(job, harness.service)
    await harness.runJob(await takeJob())
    expect(await goesOn(runId)()).toBe(true)
  })

  test('a worker dies behind its last failure, beside a step that takes a month', async () => {
    const runId = await besideMonth('quick')
    await harness.runJob(await takeJob())
    await takeJob()
    const dead = await harness.another(LEASE)
    const { stepId } = await dead.getStepState(runId, 'first')
    await dead.setStepRunning(stepId)
    await dead.setStepError(stepId, new Error('declined'))
    await dead.close()
    expect(await sweepUntil(runId, goesOn(runId))).toBe('running')
  })

  test('a sweep reports a child that ended, and then finds no queue', async () => {
    const runId = await besideMonth('child')
    await harness.runJob(await takeJob())
    await harness.runJob(await takeJob())
    const job = await takeJob()
    const dead = await harness.another(LEASE)
    await dead.updateRunStatus(job.data.runId, 'completed', 'child')
    await dead.close()
    harness.queue.failure = AWAY
    expect(await firstRecovered(harness.service)).toMatchObject([
      { outcome: 'child-ended' },
    ])
    harness.queue.failure = undefined
    expect(await sweepUntil(runId, goesOn(runId))).toBe('running')
  })

  test('a child fails before its starter says which run it is, and then finds no queue', async () => {
    harness.workflow(
      'child',
      async () => {
        throw new Error('declined')
      },
      { queued: true }
    )
    const runId = await besideMonth('child', 2)
    await harness.runJob(await takeJob())
    const starter = await harness.another(LEASE)
    const link = starter.setStepChildRunId.bind(starter)
    starter.setStepChildRunId = async (...args) => {
      const job = await takeJob()
      harness.queue.failure = AWAY
      const failed = harness.deliver(job, harness.service)
      await expect(failed).rejects.toThrow()
      harness.queue.failure = undefined
      await link(...args)
    }
    await harness.runJob(await takeJob(), starter)
    expect(await sweepUntil(runId, goesOn(runId))).toBe('running')
  })

  test('a sweep does not cut short what a step waits before its next attempt', async () => {
    harness.workflow('patient', async (workflow) => {
      await workflow.do('first', 'quick', {})
      await workflow.do('second', () => Promise.reject(new Error('busy')), {
        retries: 2,
        retryDelay: '10min',
      })
    })
    const runId = await harness.start('patient')
    for (let i = 0; i < 3; i++) await harness.runJob(await takeJob())
    const since = Number(await idleSince(runId))
    expect(since).toBeGreaterThan(Date.now() + 9 * 60_000)
  })

  test('a variable that says how far a worker is has nobody driven', async () => {
    const runId = await besideMonth('quick')
    await harness.runJob(await takeJob())
    await harness.service.updateRunState(runId, 'progress', 1)
    expect(await idleSince(runId)).toBeNull()
  })

  test('a note that comes while the run is driven outlives that drive', async () => {
    let drives = 0
    harness.workflow('both', async (workflow) => {
      // What this drive has read of its steps says nothing of that yet.
      if (++drives === 2) await recordAndDie(workflow.runId!, 'late')
      await Promise.all([
        workflow.do('first', 'quick', {}),
        workflow.sleep('month', '30d'),
        workflow
          .do('late', 'quick', {})
          .then(() => workflow.do('second', async () => 'done')),
      ])
    })
    const runId = await harness.start('both')
    await harness.runJob(await takeJob())
    await harness.runJob(await takeJob())
    await takeJob()
    await harness.runJob(await takeJob())
    expect(await goesOn(runId)()).toBe(false)
    expect(await sweepUntil(runId, goesOn(runId))).toBe('running')
  })

  describe('beside a gate that is shut', () => {
    let mailed: number

    beforeEach(() => {
      mailed = 0
      harness.workflow('gated', async (workflow) => {
        const mail = workflow
          .do('render', 'quick', {})
          .then(() => workflow.do('mail', async () => mailed++))
        mail.catch(() => {})
        await workflow.approval('Approve', { schema: SCHEMA })
        await mail
      })
    })

    /** The run waits for a person, and a worker is to render. */
    async function waiting(): Promise<string> {
      const runId = await harness.start('gated')
      await harness.runJob(await takeJob())
      expect((await harness.run(runId)).status).toBe('suspended')
      await takeJob()
      return runId
    }

    async function expectMailed(runId: string) {
      expect(await sweepUntil(runId, async () => mailed > 0)).toBe('suspended')
      await harness.service.approveStep(runId, 'Approve', {} as never)
      expect(await sweepUntilEnded(harness, runId)).toBe('completed')
      expect(mailed).toBe(1)
    }

    test('a worker dies behind its result', async () => {
      const runId = await waiting()
      await recordAndDie(runId, 'render')
      await expectMailed(runId)
    })

    test('a worker dies with its step, and the sweep finds no queue', async () => {
      const runId = await waiting()
      const dead = await harness.another(LEASE)
      await dead['claimStepForExecution'](runId, 'render', 'quick')
      await dead.close()
      harness.queue.failure = AWAY
      expect(await firstRecovered(harness.service)).toMatchObject([
        { outcome: 'retried' },
      ])
      harness.queue.failure = undefined
      await expectMailed(runId)
    })

    test('a step is not dispatched, for there is no queue', async () => {
      const runId = await harness.start('gated')
      const job = await takeJob()
      harness.queue.failure = AWAY
      await harness.runJob(job)
      harness.queue.failure = undefined
      expect((await harness.run(runId)).status).toBe('suspended')
      await expectMailed(runId)
    })

    test('the driver dies behind a result that it recorded', async () => {
      const isLost = Promise.withResolvers<void>()
      harness.workflow('gated', async (workflow) => {
        const mail = workflow
          .do('render', async () => {})
          .then(() => workflow.do('mail', async () => mailed++))
        mail.catch(() => {})
        await workflow.approval('Approve', { schema: SCHEMA })
        await mail
      })
      const dead = await harness.another({ ...LEASE, pipelining: false })
      const insert = dead.insertStepState.bind(dead)
      dead.insertStepState = async (id, name, ...args) => {
        if (name !== 'mail') return insert(id, name, ...args)
        isLost.resolve()
        return new Promise(() => {})
      }
      const runId = await harness.start('gated')
      void harness.deliver(await takeJob(), dead).catch(() => {})
      await isLost.promise
      await until(async () => (await harness.run(runId)).status === 'suspended')
      await dead.close()
      await expectMailed(runId)
    })

    test('a decision is recorded, and its message is not', async () => {
      const runId = await waiting()
      await recordAndDie(runId, 'render')
      await sweepUntil(runId, async () => mailed > 0)
      harness.queue.failure = AWAY
      const approved = harness.service.approveStep(
        runId,
        'Approve',
        {} as never
      )
      await expect(approved).rejects.toThrow('away')
      harness.queue.failure = undefined
      expect(await sweepUntilEnded(harness, runId)).toBe('completed')
    })
  })

  test('a driver that was woken dies between two steps beside its gate', async () => {
    const name = '__workflow_approval:Approve'
    const runId = await harness.service.createRun('w', {}, false, 'h', {
      type: 'test',
    })
    const dead = async (body: (service: Service) => Promise<void>) => {
      const service = await harness.another(LEASE)
      await service.withRunLock(runId, () => body(service))
      await service.close()
    }
    const run = async (service: Service, step: string, rpc: string | null) => {
      const made = await service.insertStepState(runId, step, rpc, {})
      await service.setStepRunning(made.stepId)
      return made.stepId
    }
    await dead(async (service) => {
      await run(service, name, 'pikkuWorkflowApproval')
      await service.updateRunStatus(runId, 'suspended')
    })
    await dead(async (service) => {
      await service.updateRunStatus(runId, 'running')
      await service.setStepResult(await run(service, 'beside', null), 1)
    })
    await delay(20)
    const { resumed } = await harness.service.recoverStalledRuns({
      stalledAfterMs: 10,
    })
    expect(resumed).toEqual([runId])
  })

  test('a run whose driver has come to rest is not driven again', async () => {
    let drives = 0
    harness.workflow('both', (workflow) => {
      drives++
      return Promise.all([
        workflow.do('first', 'quick', {}),
        workflow.do('second', 'quick', {}),
      ])
    })
    const runId = await harness.start('both')
    await harness.runJob(await takeJob())
    await harness.runJob(await takeJob())
    const last = await takeJob()
    await harness.runJob(await takeJob())
    expect(drives).toBe(2)
    expect(await idleSince(runId)).toBeNull()
    await harness.runJob(last)
    await harness.drain()
    expect((await harness.run(runId)).status).toBe('completed')
  })
})

/** Without a queue a run is driven where it is resumed, if it can be. */
describe.each(CLIENTS)('without a queue over $client', (client) => {
  test('a decision that comes while a slow branch has the lock is acted on', async () => {
    const harness = await EngineHarness.open(client, { service: LEASE })
    const slow = Promise.withResolvers<void>()
    harness.workflow('gated', (workflow) =>
      Promise.all([
        workflow.approval('Approve', { schema: SCHEMA }),
        workflow.do('slow', () => slow.promise),
      ])
    )
    harness.service.startRecovery({
      everyMs: 50,
      stalledAfterMs: 100,
      undispatchedAfterMs: 100,
      rpc: harness.rpc,
    })
    const found = Promise.withResolvers<string>()
    const { service, rpc } = harness
    const started = service
      .startWorkflow('gated', {}, { type: 'test' }, rpc, {
        onRunCreated: found.resolve,
      })
      .catch(() => {})
    const runId = await found.promise
    await until(async () => (await harness.run(runId)).status === 'suspended')
    await service.approveStep(runId, 'Approve', {} as never)
    await until(async () =>
      harness.warnings.some((line) => line.includes('was not driven'))
    )
    slow.resolve()
    await started
    await until(async () => (await harness.run(runId)).status === 'completed')
    await harness.close()
  })
})
