import { setTimeout as delay } from 'node:timers/promises'
import { RPCNotFoundError } from '@pikku/core/rpc'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CLIENTS } from '../clients.js'
import { EngineHarness, type Job } from './engine-harness.js'

/** A standard schema that takes any decision. */
const schema = {
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (value: unknown) => ({ value }),
  },
}

/** The lock waits for steps to end, not for what they happen to record. */
describe.each(CLIENTS)(
  'steps that a body leaves behind over $client',
  (client) => {
    let engine: EngineHarness
    let ran: string[]

    beforeEach(async () => {
      ran = []
      engine = await EngineHarness.open(client, { queue: true })
      engine.step('ship', () => 'shipped', { queued: true })
    })
    afterEach(() => engine.close())

    const after = (ms: number) => async () => {
      ran.push('after')
      await delay(ms)
    }

    test('a function that is missing behind a queued step does not hold the lock for ever', async () => {
      engine.step('late', async () => {
        await delay(50)
        throw new RPCNotFoundError('gone')
      })
      engine.workflow('order', (workflow) =>
        Promise.all([
          workflow.do('ship it', 'ship', {}),
          workflow.do('late', 'late', {}),
        ])
      )
      const id = await engine.start('order')
      await engine.runJob(engine.queue.take()!)
      await engine.service.withRunLock(id, async () => {})
    })

    test('a step that a queue works on in the context of its dispatcher stays in hand', async () => {
      const entered = Promise.withResolvers<void>()
      const letGo = Promise.withResolvers<void>()
      // The dispatcher ends when the worker is at work.
      const mirror = new Proxy(
        { setStepScheduled: () => entered.promise },
        { get: (own, name) => Reflect.get(own, name) ?? (async () => {}) }
      )
      const service = await engine.another({ mirror: mirror as never })
      engine.step(
        'slow',
        async () => {
          entered.resolve()
          await letGo.promise
        },
        { queued: true }
      )
      engine.workflow('order', (workflow) => workflow.do('s', 'slow', {}))
      const id = await engine.start('order')
      const job = engine.queue.take()!
      let worker: Promise<void> | undefined
      vi.spyOn(engine.queue, 'add').mockImplementationOnce(
        async (queueName, data) => {
          const message = { queueName, data, options: {} } as Job
          worker = engine.deliver(message, service)
          return 'job-1'
        }
      )
      await engine.deliver(job, service)
      expect(service['leasesHeld']).toBe(1)
      letGo.resolve()
      await worker
      await engine.drain(service)
      expect((await engine.run(id)).status).toBe('completed')
    })

    test('a body may go on without a function that is missing', async () => {
      engine.step('late', () => {
        throw new RPCNotFoundError('gone')
      })
      engine.workflow('order', async (workflow) => {
        await workflow.do('late', 'late', {}).catch(() => {})
        return workflow.do('ship it', 'ship', {})
      })
      const id = await engine.start('order')
      await engine.drain()
      expect(await engine.run(id)).toMatchObject({ status: 'completed' })
    })

    test('what was thrown may have no text', async () => {
      engine.workflow('order', async (workflow) => {
        const failing = workflow.do('failing', async () => {
          throw Object.create(null)
        })
        await failing.catch(() => {})
        return workflow.do('ship it', 'ship', {})
      })
      const id = await engine.start('order')
      await engine.drain()
      expect(await engine.history(id)).toContainEqual(
        expect.objectContaining({ stepName: 'failing', status: 'failed' })
      )
    })

    test('a step that waits for its next attempt has no other one', async () => {
      engine.step('flaky', () => {
        ran.push('flaky')
        if (ran.length === 1) throw new Error('once')
      })
      const retried = { retries: 2, retryDelay: 200 }
      engine.workflow('order', (workflow) =>
        Promise.all([
          workflow.do('ship it', 'ship', {}),
          workflow.do('flaky', 'flaky', {}, retried),
        ])
      )
      const id = await engine.start('order')
      await engine.runJob(engine.queue.take()!)
      expect(ran).toEqual(['flaky', 'flaky'])
      await engine.drain()
      expect(await engine.run(id)).toMatchObject({ status: 'completed' })
      expect(ran).toEqual(['flaky', 'flaky'])
    })

    test('what follows a child run is not run by two branches', async () => {
      let child = ''
      engine.workflow('child', async (workflow) => {
        child = workflow.runId
        await workflow.approval('ok', { schema })
      })
      engine.workflow('order', async (workflow) => {
        const branch = async () => {
          await workflow.do('child', 'child', {})
          await workflow.do('after', after(500))
        }
        await Promise.all([workflow.do('ship it', 'ship', {}), branch()])
      })
      const id = await engine.start('order')
      // The body is left here, and waits for the child once more in the next.
      await engine.runJob(engine.queue.take()!)
      await engine.runJob(engine.queue.take()!)
      const driven = engine.runJob(engine.queue.take()!)
      await engine.service.approveStep(child, 'ok', {})
      await engine.drain()
      await driven
      await engine.drain()
      expect(await engine.run(id)).toMatchObject({ status: 'completed' })
      expect(ran).toEqual(['after'])
    })

    test('what follows a timer is not run by two branches', async () => {
      engine.workflow('order', async (workflow) => {
        const branch = async () => {
          await workflow.sleep('nap', '100ms')
          await workflow.do('after', after(300))
        }
        await Promise.all([workflow.do('ship it', 'ship', {}), branch()])
      })
      const id = await startInline()
      await engine.drain()
      expect(await engine.run(id)).toMatchObject({ status: 'completed' })
      expect(ran).toEqual(['after'])
    })

    test('what follows a timer does not wait for an approval', async () => {
      engine.workflow('order', async (workflow) => {
        const branch = async () => {
          await workflow.sleep('nap', '100ms')
          await workflow.do('after', after(0))
        }
        await Promise.all([workflow.approval('ok', { schema }), branch()])
      })
      const id = await startInline()
      await expect.poll(() => engine.queue.jobs.length).toBe(1)
      await engine.drain()
      expect(ran).toEqual(['after'])
      await engine.service.approveStep(id, 'ok', {})
      await engine.drain()
      expect(await engine.run(id)).toMatchObject({ status: 'completed' })
      expect(ran).toEqual(['after'])
    })

    /** An inline run has its timers in the process. */
    async function startInline(): Promise<string> {
      const { service, rpc } = engine
      const wire = { type: 'test' }
      const inline = { inline: true }
      return (await service.startWorkflow('order', {}, wire, rpc, inline)).runId
    }
  }
)
