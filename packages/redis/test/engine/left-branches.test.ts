import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS } from '../clients.js'
import { EngineHarness } from './engine-harness.js'

/** A standard schema that takes any decision. */
const schema = {
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (value: unknown) => ({ value }),
  },
}

/**
 * The engine ends a body at the first branch that waits for somebody else, and
 * leaves the others running. Whoever drives the run next must not meet them.
 */
describe.each(CLIENTS)(
  'branches beside one that waits over $client',
  (client) => {
    let engine: EngineHarness
    let ran: string[]

    beforeEach(async () => {
      ran = []
      engine = await EngineHarness.open(client, { queue: true })
      engine.step('ship', () => 'shipped', { queued: true })
    })
    afterEach(() => engine.close())

    const step = (name: string, ms: number) => async () => {
      ran.push(name)
      await delay(ms)
    }

    test('inline steps run once, though a queued step ends before them', async () => {
      engine.workflow('order', async (workflow) => {
        const charge = async () => {
          await workflow.do('charge', step('charge', 100))
          await workflow.do('receipt', step('receipt', 20))
        }
        const [shipped] = await Promise.all([
          workflow.do('ship it', 'ship', {}),
          charge(),
        ])
        return shipped
      })
      const id = await engine.start('order')
      await engine.drain()
      expect(await engine.run(id)).toMatchObject({
        status: 'completed',
        output: 'shipped',
      })
      expect(ran).toEqual(['charge', 'receipt'])
    })

    test('other processes that get the run meanwhile run none of them', async () => {
      engine.workflow('order', async (workflow) => {
        const charge = workflow.do('charge', step('charge', 200))
        return Promise.all([workflow.do('ship it', 'ship', {}), charge])
      })
      const id = await engine.start('order')
      const other = await engine.another()
      const driven = engine.runJob(engine.queue.take()!)
      await expect.poll(() => engine.queue.jobs.length).toBe(1)
      await engine.runJob(engine.queue.take()!, other)
      await engine.drain(other)
      await driven
      await engine.drain(other)
      expect(await engine.run(id)).toMatchObject({ status: 'completed' })
      expect(ran).toEqual(['charge'])
    })

    test('a branch goes on to its end while another one waits for an approval', async () => {
      engine.workflow('order', async (workflow) => {
        const branch = async () => {
          for (const name of ['first', 'second', 'third']) {
            await workflow.do(name, step(name, 20))
          }
        }
        await Promise.all([workflow.approval('ok', { schema }), branch()])
      })
      const id = await engine.start('order')
      await engine.drain()
      expect(ran).toEqual(['first', 'second', 'third'])
      await engine.service.approveStep(id, 'ok', {})
      await engine.drain()
      expect(await engine.run(id)).toMatchObject({ status: 'completed' })
      expect(ran).toEqual(['first', 'second', 'third'])
    })

    test('a step behind a gate that has opened runs once, and in the lock', async () => {
      let atOnce = 0
      let most = 0
      engine.workflow('order', async (workflow) => {
        const charge = async () => {
          await workflow.approval('ok', { schema })
          await workflow.do('charge', async () => {
            ran.push('charge')
            most = Math.max(most, ++atOnce)
            await delay(300)
            atOnce--
          })
        }
        return Promise.all([workflow.do('ship it', 'ship', {}), charge()])
      })
      const id = await engine.start('order')
      await engine.runJob(engine.queue.take()!)
      const ship = engine.queue.take()!
      await engine.service.approveStep(id, 'ok', {})
      // Driven on while the other branch is still in the queue.
      const driven = engine.runJob(engine.queue.take()!)
      await expect.poll(() => ran).toEqual(['charge'])
      const other = await engine.another()
      await engine.runJob(ship, other)
      await engine.runJob(engine.queue.take()!, other)
      await driven
      await engine.drain(other)
      expect(await engine.run(id)).toMatchObject({ status: 'completed' })
      expect({ ran, most }).toEqual({ ran: ['charge'], most: 1 })
    })

    test('a branch that is left may fail without harm to the process', async () => {
      engine.workflow('order', async (workflow) => {
        let tries = 0
        const failing = workflow.do('failing', async () => {
          await delay(50)
          ran.push('failing')
          if (tries++ === 0 && ran.length === 1) throw new Error('once')
        })
        await Promise.all([workflow.do('ship it', 'ship', {}), failing])
      })
      const id = await engine.start('order')
      await engine.drain()
      expect(await engine.run(id)).toMatchObject({ status: 'completed' })
      expect(ran).toEqual(['failing', 'failing'])
    })
  }
)
