import { setTimeout as delay } from 'node:timers/promises'
import {
  RedisReplyError,
  RedisStepNotFoundError,
  RedisWrongTypeError,
} from '@pikku/redis'
import { until } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, keysOf, openService, type Service } from '../clients.js'
import { EngineHarness } from '../engine/engine-harness.js'
import { FailingAdapter } from './failing-adapter.js'

const INDEXES = ['idle', 'leases'] as const

describe.each(CLIENTS)('branches and failures over $client', (client) => {
  let harness: EngineHarness
  let adapter: FailingAdapter
  let service: Service

  beforeEach(async () => {
    harness = await EngineHarness.open(client)
    adapter = new FailingAdapter(harness.service.adapter)
    service = await openService(client, { keyPrefix: harness.prefix }, adapter)
  })

  afterEach(async () => {
    await service.close()
    await harness.close()
  })

  const WIRE = { type: 'test' }
  const newRun = () => service.createRun('wf', {}, true, 'h', WIRE)
  const start = (workflow: string) =>
    service.startWorkflow(workflow, {}, WIRE, harness.rpc)
  const command = (...args: [string, string, ...string[]]) =>
    harness.service.adapter.send({ key: args[1], args })

  test('behind a call that failed nothing is recorded, and no step runs', async () => {
    const ran: string[] = []
    let runId = ''
    harness.workflow('w', async (workflow) => {
      runId = workflow.runId!
      await workflow.do('a', async () => {
        adapter.failing = 'succeed-step'
      })
      // The result is under way by now, and what follows waits behind it.
      await new Promise(setImmediate)
      const run = (name: string) =>
        workflow.do(name, async () => void ran.push(name))
      await Promise.all(['b', 'c', 'd'].map(run))
    })
    await expect(start('w')).rejects.toThrow('OOM')
    const recorded = await harness.history(runId)
    expect(recorded).toMatchObject([{ stepName: 'a', status: 'running' }])
    expect(ran).toEqual([])
  })

  test('of two retries at once in the lock one wins, as outside', async () => {
    const id = await newRun()
    const { stepId } = await service.insertStepState(id, 's', null, {})
    await service.setStepError(stepId, new Error('first'))
    const retry = () => service.createRetryAttempt(stepId, 'running')
    const ends = await service.withRunLock(id, () =>
      Promise.allSettled([retry(), retry()])
    )
    expect(ends.map(({ status }) => status).toSorted()).toEqual([
      'fulfilled',
      'rejected',
    ])
  })

  test('of two claims at once in the lock one wins', async () => {
    const id = await newRun()
    await service.insertStepState(id, 's', 'rpc', {})
    const claim = () => service['claimStepForExecution'](id, 's', 'rpc')
    const claims = await service.withRunLock(id, () =>
      Promise.all([claim(), claim()])
    )
    expect(claims.filter((step) => step !== null)).toHaveLength(1)
  })

  test('of two statuses at once the later one stays', async () => {
    const id = await newRun()
    await service.withRunLock(id, () =>
      Promise.all([
        service.updateRunStatus(id, 'suspended'),
        service.updateRunStatus(id, 'completed', 1),
      ])
    )
    expect((await service.getRun(id))?.status).toBe('completed')
  })

  test.each([true, false])(
    'a branch that an outage left behind records its result, and goes on no more (pipelining: %s)',
    async (pipelining) => {
      await service.close()
      service = await openService(
        client,
        { keyPrefix: harness.prefix, pipelining },
        adapter
      )
      const ran: string[] = []
      const letGo = Promise.withResolvers<void>()
      const left = Promise.withResolvers<unknown>()
      let id = ''
      let drives = 0
      harness.workflow('w', async (workflow) => {
        drives++
        id = workflow.runId!
        const slow = async () => {
          await workflow.do('slow', async () => {
            ran.push('slow')
            await letGo.promise
          })
          await workflow.do('after', async () => void ran.push('after'))
        }
        const branch = slow()
        branch.then(left.resolve, left.resolve)
        const other = async () => {
          await workflow.do('first', async () => 1)
          if (drives === 1) adapter.failing = 'second'
          await workflow.do('second', async () => void ran.push('second'))
        }
        await Promise.all([branch, other()])
      })
      await expect(start('w')).rejects.toThrow(/interrupted/)
      letGo.resolve()
      expect(await left.promise).toBeInstanceOf(RedisReplyError)
      expect(ran).toEqual(['slow'])
      expect(await service.getStepState(id, 'slow')).toMatchObject({
        status: 'succeeded',
      })
      await service.runWorkflowJob(id, harness.rpc)
      expect((await service.getRun(id))?.status).toBe('completed')
      expect(ran.toSorted()).toEqual(['after', 'second', 'slow'])
    }
  )

  test('close() and reads wait for what was written before, not for what comes after', async () => {
    const STEPS = 300
    let ran = 0
    const seen: Record<string, number> = {}
    harness.workflow('w', async (workflow) => {
      const busy = async () => {
        for (let i = 0; i < STEPS; i++) {
          await workflow.do(`${i}`, async () => void ran++)
        }
      }
      const reader = async () => {
        await workflow.do('read', async () => {})
        await workflow.getRun()
        seen['read'] = ran
        await service.close()
        seen['close'] = ran
      }
      await Promise.all([busy(), reader()])
    })
    await start('w')
    expect(seen['read']).toBeLessThan(STEPS / 2)
    expect(seen['close']).toBeLessThan(STEPS / 2)
  })

  test('close() does not take the failure that is the body’s', async () => {
    const id = await newRun()
    const lost = await service.insertStepState(id, 'lost', null, {})
    const other = await service.insertStepState(id, 'other', null, {})
    const key = keysOf(harness.prefix).stepKey(id, 'lost')
    await command('DEL', key)
    let effects = 0
    const body = service.withRunLock(id, async () => {
      await service.setStepResult(lost.stepId, 1)
      await service.close()
      await service.setStepRunning(other.stepId)
      effects++
    })
    await expect(body).rejects.toBeInstanceOf(RedisStepNotFoundError)
    expect(effects).toBe(0)
  })

  test("a step's lock is free when what was written in it is recorded", async () => {
    const id = await newRun()
    const { stepId } = await service.insertStepState(id, 's', null, {})
    await service.withRunLock(id, async () => {
      adapter.trips.length = 0
      await service.withStepLock(id, 's', () =>
        service.setStepResult(stepId, 1)
      )
      const stepLock = keysOf(harness.prefix).stepLockKey(id, 's')
      const calls = adapter.trips.flat().map(({ args }) => {
        return args.includes(stepLock) ? 'lock' : 'result'
      })
      expect(calls).toEqual(['lock', 'result', 'lock'])
    })
  })

  test('a write of a branch that is left when the lock is freed is recorded', async () => {
    const id = await newRun()
    const turns = async (count: number) => {
      for (let i = 0; i < count; i++) await Promise.resolve()
    }
    for (let before = 0; before < 12; before++) {
      let left: Promise<void> | undefined
      await service.withRunLock(id, async () => {
        left = turns(before).then(() => service.updateRunState(id, 'v', before))
        await turns(6)
      })
      await left
      expect(await service.getRunState(id)).toEqual({ v: before })
    }
  })

  test('a run that its own step resumes is not driven beside itself', async () => {
    const ran: string[] = []
    harness.workflow('w', async (workflow) => {
      await workflow.do('a', async () => {
        ran.push('a')
        await service.resumeWorkflow(workflow.runId!)
        await delay(50)
      })
      await workflow.do('b', async () => void ran.push('b'))
    })
    service.startRecovery({ everyMs: 60_000, rpc: harness.rpc })
    await start('w')
    expect(ran).toEqual(['a', 'b'])
  })

  test('who finds a child that another process drives waits for its end', async () => {
    const adapter = new FailingAdapter(harness.service.adapter)
    const another = await openService(
      client,
      { keyPrefix: harness.prefix, lock: { retries: 2, retryDelayMs: 5 } },
      adapter
    )
    let calls = 0
    const begun = Promise.withResolvers<string>()
    const letGo = Promise.withResolvers<void>()
    harness.workflow('child', (workflow) =>
      workflow.do('slow', async () => {
        calls++
        begun.resolve(workflow.runId!)
        await letGo.promise
      })
    )
    const parentRunId = await newRun()
    const step = await service.insertStepState(parentRunId, 's', 'child', {})
    const wire = { ...WIRE, parentRunId, parentStepId: step.stepId }
    const inline = { inline: true }
    const first = service.startWorkflow('child', {}, wire, harness.rpc, inline)
    const id = await begun.promise
    const lock = keysOf(harness.prefix).lockKey(id)
    const second = another.startWorkflow('child', {}, wire, harness.rpc, inline)
    const lockTries = () =>
      adapter.trips.flat().filter(({ args }) => args.includes(lock)).length
    await until(async () => lockTries() > 4)
    expect((await another.getRun(id))?.status).toBe('running')
    letGo.resolve()
    // Nobody can tell the parent, which has no queue.
    await Promise.allSettled([first, second])
    expect((await another.getRun(id))?.status).toBe('completed')
    await another.close()
    expect(calls).toBe(1)
  })

  test.each([...INDEXES, 'steps', 'history'] as const)(
    'a key of a wrong type (%s) leaves nothing of a new step',
    async (kind) => {
      const id = await newRun()
      const keys = keysOf(harness.prefix)
      const key = keys.runScriptKeys(id)[kind]
      let before: unknown
      const body = service.withRunLock(id, async () => {
        await service['listStepStates'](id)
        await command('DEL', key)
        await command('SET', key, 'foreign')
        before = await command('HGETALL', keys.runKey(id))
        const { stepId } = await service.insertStepState(id, 's', null, {})
        await service.setStepRunning(stepId)
      })
      await expect(body).rejects.toBeInstanceOf(RedisWrongTypeError)
      expect(await command('EXISTS', keys.stepKey(id, 's'))).toBe(0)
      expect(await command('HGETALL', keys.runKey(id))).toEqual(before)
    }
  )
})
