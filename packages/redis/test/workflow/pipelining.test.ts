import {
  RedisOptionsError,
  RedisStepNotFoundError,
  RedisWrongTypeError,
} from '@pikku/redis'
import type { RedisWorkflowServiceOptions } from '@pikku/redis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, keysOf, openService, type Service } from '../clients.js'
import { EngineHarness } from '../engine/engine-harness.js'
import { CountedAdapter } from './counted-adapter.js'

const STEPS = 20

describe.each(CLIENTS)(
  'writes that nobody waits for, over $client',
  (client) => {
    let harness: EngineHarness
    let adapter: CountedAdapter
    let service: Service

    beforeEach(async () => {
      harness = await EngineHarness.open(client)
      adapter = new CountedAdapter(harness.service.adapter)
      service = await open()
      harness.workflow('twenty', async (workflow) => {
        for (let i = 0; i < STEPS; i++) await workflow.do(`${i}`, async () => i)
      })
    })

    afterEach(async () => {
      await service.close()
      await harness.close()
    })

    const open = (options: RedisWorkflowServiceOptions = {}) =>
      openService(client, { keyPrefix: harness.prefix, ...options }, adapter)
    const run = (workflow: string, by = service) =>
      by.startWorkflow(workflow, {}, { type: 'test' }, harness.rpc)
    /** As another connection sees it. */
    const stored = (runId: string) => harness.history(runId)
    const newRun = () =>
      service.createRun('wf', {}, true, 'h', { type: 'test' })

    test('a run of 20 steps takes one round trip a step and four for itself', async () => {
      await run('twenty')
      adapter.trips.length = 0
      const { runId } = await run('twenty')
      expect(adapter.trips).toHaveLength(STEPS + 4)
      expect(await stored(runId)).toHaveLength(STEPS)
    })

    test('without pipelining each write is waited for', async () => {
      const patient = await open({ pipelining: false })
      await run('twenty', patient)
      adapter.trips.length = 0
      await run('twenty', patient)
      expect(adapter.trips).toHaveLength(3 * STEPS + 4)
      const id = await newRun()
      await patient.withRunLock(id, async () => {
        const { stepId } = await patient.insertStepState(id, 's', null, {})
        await patient.setStepResult(stepId, 1)
        expect(await stored(id)).toMatchObject([{ status: 'succeeded' }])
      })
      await patient.close()
    })

    test('a step runs only when all before it is recorded', async () => {
      const seen: unknown[] = []
      harness.workflow('watched', async (workflow) => {
        for (const name of ['a', 'b', 'c']) {
          await workflow.do(name, async () => {
            const runId = workflow.runId!
            seen.push((await stored(runId)).map(({ status }) => status))
          })
        }
      })
      await run('watched')
      expect(seen).toEqual([
        ['running'],
        ['succeeded', 'running'],
        ['succeeded', 'succeeded', 'running'],
      ])
    })

    test('steps of parallel branches leave together', async () => {
      harness.workflow('wide', (workflow) =>
        Promise.all(
          Array.from({ length: 10 }, (_, i) =>
            workflow.do(`${i}`, async () => i)
          )
        )
      )
      await run('wide')
      adapter.trips.length = 0
      const { runId } = await run('wide')
      // Once they start, once they have ended; what else a run needs is four.
      expect(adapter.trips).toHaveLength(2 + 3)
      expect((await service.getRun(runId))?.status).toBe('completed')
    })

    test('a queue is given nothing before what led to it is recorded', async () => {
      const queued = await EngineHarness.open(client, { queue: true })
      const recorded: unknown[] = []
      queued.step('last', () => 'done', { queued: true })
      queued.workflow('w', async (workflow) => {
        await workflow.do('first', async () => 1)
        await workflow.do('last', 'last', {})
      })
      const add = queued.queue.add.bind(queued.queue)
      queued.queue.add = async (...args) => {
        const { runId } = args[1] as { runId: string }
        recorded.push(await queued.history(runId))
        return add(...args)
      }
      await queued.start('w')
      await queued.runJob(queued.queue.take()!)
      expect(recorded[1]).toMatchObject([
        { stepName: 'first', status: 'succeeded', result: 1 },
        { stepName: 'last', status: 'pending' },
      ])
      await queued.close()
    })

    test('who reads in the body finds what it wrote', async () => {
      const id = await newRun()
      await service.withRunLock(id, async () => {
        const { stepId } = await service.insertStepState(id, 's', null, {})
        await service.setStepResult(stepId, 'mine')
        expect((await service.getStepState(id, 's')).result).toBe('mine')
      })
    })

    test('the lock is free when all is recorded', async () => {
      const id = await newRun()
      await service.withRunLock(id, async () => {
        const { stepId } = await service.insertStepState(id, 's', null, {})
        await service.setStepResult(stepId, 'last')
      })
      expect(await stored(id)).toMatchObject([{ result: 'last' }])
    })

    test('close() waits for what is under way', async () => {
      const id = await newRun()
      const { stepId } = await service.insertStepState(id, 's', null, {})
      let written = false
      const body = service.withRunLock(id, async () => {
        await service.setStepResult(stepId, 1)
        written = true
        await service.close()
        expect(await stored(id)).toMatchObject([{ status: 'succeeded' }])
      })
      await body
      expect(written).toBe(true)
    })

    test('a call from outside the body is recorded when it returns', async () => {
      const id = await newRun()
      const { stepId } = await service.insertStepState(id, 's', null, {})
      const inBody = Promise.withResolvers<void>()
      const letGo = Promise.withResolvers<void>()
      const body = service.withRunLock(id, async () => {
        inBody.resolve()
        await letGo.promise
      })
      await inBody.promise
      await service.setStepResult(stepId, 'outside')
      expect(await stored(id)).toMatchObject([{ result: 'outside' }])
      letGo.resolve()
      await body
    })

    test('a write that fails is the error of the next call that waits', async () => {
      const unhandled: unknown[] = []
      const note = (error: unknown) => unhandled.push(error)
      process.on('unhandledRejection', note)
      const id = await newRun()
      const { stepId } = await service.insertStepState(id, 's', null, {})
      const key = keysOf(harness.prefix).historyKey(id)
      const foreign = async () => {
        const other = harness.service.adapter
        await other.send({ key, args: ['DEL', key] })
        await other.send({ key, args: ['SET', key, 'foreign'] })
      }
      let effects = 0
      const body = service.withRunLock(id, async () => {
        await foreign()
        await service.setStepResult(stepId, 1)
        await new Promise(setImmediate)
        await service.insertStepState(id, 'next', null, {})
        effects++
      })
      await expect(body).rejects.toBeInstanceOf(RedisWrongTypeError)
      await expect(body).rejects.toMatchObject({
        cause: { message: expect.stringContaining('WRONGTYPE') },
      })
      expect(effects).toBe(0)
      process.off('unhandledRejection', note)
      expect(unhandled).toEqual([])
    })

    test('who waits for a later write of the same call learns of it, too', async () => {
      const id = await newRun()
      const lost = await service.insertStepState(id, 'lost', null, {})
      const other = await service.insertStepState(id, 'other', null, {})
      const key = keysOf(harness.prefix).stepKey(id, 'lost')
      await harness.service.adapter.send({ key, args: ['DEL', key] })
      let effects = 0
      const body = service.withRunLock(id, async () => {
        await service.setStepResult(lost.stepId, 1)
        await service.setStepRunning(other.stepId)
        effects++
      })
      await expect(body).rejects.toBeInstanceOf(RedisStepNotFoundError)
      expect(effects).toBe(0)
    })

    test('a step that somebody else adds meanwhile is found, and run once', async () => {
      let calls = 0
      let drives = 0
      harness.workflow('met', async (workflow) => {
        drives++
        const id = workflow.runId!
        if (drives === 1) {
          const other = await harness.service.insertStepState(
            id,
            'met',
            null as never,
            null
          )
          await harness.service.setStepResult(other.stepId, 'by another')
        }
        return workflow.do('met', async () => {
          calls++
        })
      })
      const { runId } = await run('met')
      expect(await service.getRun(runId)).toMatchObject({
        status: 'completed',
        output: 'by another',
      })
      expect({ calls, drives }).toEqual({ calls: 0, drives: 2 })
    })

    test('what may wait is limited', async () => {
      const id = await newRun()
      const size = 1_500_000
      const ids = await Promise.all(
        [1, 2, 3, 4].map(async (n) => {
          const step = await service.insertStepState(id, `${n}`, null, {})
          return step.stepId
        })
      )
      await service.withRunLock(id, async () => {
        const gate = Promise.withResolvers<void>()
        adapter.gate = gate.promise
        let returned = 0
        const writing = ids.map(async (stepId) => {
          await service.setStepResult(stepId, 'x'.repeat(size))
          returned++
        })
        await new Promise(setImmediate)
        expect(returned).toBe(2)
        gate.resolve()
        await Promise.all(writing)
        expect(returned).toBe(4)
      })
    })

    test('with a mirror each write is waited for', async () => {
      const told: string[] = []
      const mirror = new Proxy(
        {},
        { get: (_, name) => async () => void told.push(String(name)) }
      )
      const mirrored = await open({ mirror: mirror as never })
      adapter.trips.length = 0
      await run('twenty', mirrored)
      expect(adapter.trips.length).toBeGreaterThanOrEqual(3 * STEPS)
      expect(told.filter((name) => name === 'setStepResult')).toHaveLength(
        STEPS
      )
      await mirrored.close()
    })

    test('an option that is neither true nor false is refused', async () => {
      await expect(open({ pipelining: 1 as never })).rejects.toThrow(
        RedisOptionsError
      )
    })
  }
)
