import { setTimeout as delay } from 'node:timers/promises'
import type { PikkuWorkflowWire } from '@pikku/core/workflow'
import { until } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CLIENTS, keysOf, openService, type Service } from '../clients.js'
import { EngineHarness } from '../engine/engine-harness.js'

/** What is lost is noticed soon, and nobody waits for long. */
const SHORT = {
  lock: { ttlMs: 300, renewEveryMs: 20, retries: 2, retryDelayMs: 20 },
}

describe.each(CLIENTS)(
  'replays that others add steps beside over $client',
  (client) => {
    let harness: EngineHarness
    let service: Service

    beforeEach(async () => {
      harness = await EngineHarness.open(client)
      service = await openService(client, { keyPrefix: harness.prefix })
    })

    afterEach(async () => {
      await service.close()
      await harness.close()
    })

    const WIRE = { type: 'test' }
    const start = (workflow: string) =>
      service.startWorkflow(workflow, {}, WIRE, harness.rpc)
    const command = (...args: [string, string, ...string[]]) =>
      harness.service.adapter.send({ key: args[1], args })
    /** Somebody else adds a step to a run that is driven, and ends it. */
    async function meet(runId: string, stepName: string): Promise<void> {
      const { stepId } = await harness.service.insertStepState(
        runId,
        stepName,
        null as never,
        null
      )
      await harness.service.setStepResult(stepId, 'by another')
    }
    /** A branch that meets a step in its first replay; then what it is beside goes on. */
    async function meeting(
      workflow: PikkuWorkflowWire,
      isFirst: boolean,
      letGo: () => void
    ): Promise<unknown> {
      if (isFirst) {
        await meet(workflow.runId!, 'met')
        setTimeout(letGo, 50)
      }
      return workflow.do('met', async () => 'mine')
    }

    test('a child that is replayed is not started a second time', async () => {
      const children = new Set<string>()
      let effects = 0
      harness.workflow('child', async (workflow) => {
        const id = workflow.runId!
        await workflow.do('effect', async () => void effects++)
        if (!children.has(id)) await meet(id, 'met')
        children.add(id)
        return workflow.do('met', async () => 'mine')
      })
      harness.workflow('parent', (workflow) => workflow.do('c', 'child', {}))
      const { runId } = await start('parent')
      expect((await service.getRun(runId))?.output).toBe('by another')
      expect({ effects, children: children.size }).toEqual({
        effects: 1,
        children: 1,
      })
    })

    test.each([true, false])(
      'a child that runs beside a stale replay is gone on with, not run again (pipelining: %s)',
      async (pipelining) => {
        await service.close()
        const options = { keyPrefix: harness.prefix, pipelining }
        service = await openService(client, options)
        const effects: string[] = []
        const children = new Set<string>()
        const entered = Promise.withResolvers<void>()
        const letGo = Promise.withResolvers<void>()
        let drives = 0
        harness.workflow('child', async (workflow) => {
          children.add(workflow.runId!)
          await workflow.do('effect', async () => {
            effects.push('effect')
            entered.resolve()
            await letGo.promise
          })
          await workflow.do('more', async () => void effects.push('more'))
          return 'of the child'
        })
        harness.workflow('w', async (workflow) => {
          drives++
          const other = async () => {
            await workflow.do('first', async () => 1)
            await entered.promise
            return meeting(workflow, drives === 1, letGo.resolve)
          }
          return Promise.all([workflow.do('c', 'child', {}), other()])
        })
        const { runId } = await start('w')
        const run = await service.getRun(runId)
        expect(run?.output).toEqual(['of the child', 'by another'])
        expect({ effects, children: children.size }).toEqual({
          effects: ['effect', 'more'],
          children: 1,
        })
      }
    )

    test('a child whose parent lost its lock goes on, and is waited for by the next driver of that', async () => {
      const another = await harness.another()
      const letGo = Promise.withResolvers<void>()
      const entered = Promise.withResolvers<void>()
      const effects: string[] = []
      let id = ''
      harness.workflow('child', async (workflow) => {
        await workflow.do('effect', async () => {
          effects.push('effect')
          entered.resolve()
          await letGo.promise
        })
        await workflow.do('more', async () => void effects.push('more'))
        return 'of the child'
      })
      harness.workflow('w', async (workflow) => {
        id = workflow.runId!
        return workflow.do('c', 'child', {}, { retries: 0 })
      })
      const first = start('w')
      await entered.promise
      await command('DEL', keysOf(harness.prefix).lockKey(id))
      const second = another.runWorkflowJob(id, harness.rpc)
      // Longer than it takes to give up waiting for a lock.
      await delay(200)
      letGo.resolve()
      await Promise.all([first, second])
      const run = await service.getRun(id)
      expect(run).toMatchObject({
        status: 'completed',
        output: 'of the child',
      })
      expect(effects).toEqual(['effect', 'more'])
    })

    test('who waits for a child is not failed by what stopped its parent’s parent', async () => {
      const another = await harness.another(SHORT)
      const letGo = Promise.withResolvers<void>()
      const entered = Promise.withResolvers<void>()
      const effects: string[] = []
      const ids: Record<string, string> = {}
      const once = { retries: 0 }
      harness.workflow('child', (workflow) =>
        workflow.do('effect', async () => {
          effects.push('effect')
          entered.resolve()
          await letGo.promise
        })
      )
      harness.workflow('middle', (workflow) => {
        ids['middle'] = workflow.runId!
        return workflow.do('c', 'child', {}, once)
      })
      harness.workflow('top', (workflow) => {
        ids['top'] = workflow.runId!
        return workflow.do('m', 'middle', {}, once)
      })
      const lockOf = (name: string) =>
        keysOf(harness.prefix).lockKey(ids[name]!)
      const first = start('top')
      await entered.promise
      await command('DEL', lockOf('top'))
      await command('DEL', lockOf('middle'))
      const second = another.runWorkflowJob(ids['top']!, harness.rpc)
      const isHeld = async () =>
        (await command('EXISTS', lockOf('middle'))) === 1
      await until(isHeld)
      await command('SET', lockOf('top'), 'a third')
      // Longer than it takes to notice that, and to give up waiting.
      await delay(200)
      letGo.resolve()
      await Promise.allSettled([first, second])
      expect((await service.getRun(ids['middle']!))?.status).toBe('completed')
      await command('DEL', lockOf('top'))
      await another.runWorkflowJob(ids['top']!, harness.rpc)
      expect((await service.getRun(ids['top']!))?.status).toBe('completed')
      expect(effects).toEqual(['effect'])
    })

    test('a starter that was overtaken does not fail the child of the next one', async () => {
      const another = await harness.another(SHORT)
      const starter = await harness.another(SHORT)
      const created = Promise.withResolvers<void>()
      const overtaken = Promise.withResolvers<void>()
      const letGo = Promise.withResolvers<void>()
      const effects: string[] = []
      let id = ''
      harness.workflow('child', (workflow) =>
        workflow.do('effect', async () => {
          effects.push('effect')
          overtaken.resolve()
          await letGo.promise
        })
      )
      harness.workflow('w', (workflow) => {
        id = workflow.runId!
        return workflow.do('c', 'child', {}, { retries: 0 })
      })
      const create = starter.createRun.bind(starter)
      vi.spyOn(starter, 'createRun').mockImplementation(async (...args) => {
        const runId = await create(...args)
        if (args[0] !== 'child') return runId
        created.resolve()
        await overtaken.promise
        return runId
      })
      const first = starter.startWorkflow('w', {}, WIRE, harness.rpc)
      await created.promise
      await command('DEL', keysOf(harness.prefix).lockKey(id))
      const second = another.runWorkflowJob(id, harness.rpc)
      await overtaken.promise
      // Longer than it takes to give up waiting for the child's lock.
      await delay(200)
      letGo.resolve()
      await Promise.allSettled([first, second])
      expect((await service.getRun(id))?.status).toBe('completed')
      expect(effects).toEqual(['effect'])
    })

    test('what a parent failed to write is not its child’s to fail with', async () => {
      const written = Promise.withResolvers<void>()
      let id = ''
      let child = ''
      harness.workflow('child', async (workflow) => {
        child = workflow.runId!
        await workflow.do('one', () => written.promise)
        await workflow.do('two', async () => 2)
      })
      harness.workflow('w', async (workflow) => {
        id = workflow.runId!
        const other = async () => {
          await workflow.do('other', async () => {
            await command('DEL', keysOf(harness.prefix).stepKey(id, 'other'))
          })
          written.resolve()
        }
        const child = workflow.do('c', 'child', {}, { retries: 0 })
        await Promise.all([child, other()])
      })
      await expect(start('w')).rejects.toThrow(/Step 'other' .*does not exist/)
      expect((await service.getRun(child))?.status).toBe('completed')
      expect((await service.getRun(id))?.status).toBe('failed')
    })

    test('a step that runs beside a stale replay ends before the next one, once', async () => {
      let drives = 0
      let calls = 0
      let after = 0
      const letGo = Promise.withResolvers<void>()
      harness.workflow('w', async (workflow) => {
        drives++
        const slow = workflow
          .do('slow', async () => {
            calls++
            await letGo.promise
            return 'slow'
          })
          .then(async (result) => {
            await workflow.do('after', async () => {
              after++
              await delay(20)
            })
            return result
          })
        const other = async () => {
          await workflow.do('first', async () => 1)
          return meeting(workflow, drives === 1, letGo.resolve)
        }
        return Promise.all([slow, other()])
      })
      const { runId } = await start('w')
      expect((await service.getRun(runId))?.output).toEqual([
        'slow',
        'by another',
      ])
      expect({ calls, after, drives }).toEqual({
        calls: 1,
        after: 1,
        drives: 2,
      })
    })

    test('a step that fails beside a stale replay is run again by the replay alone', async () => {
      let drives = 0
      let calls = 0
      const letGo = Promise.withResolvers<void>()
      harness.workflow('w', async (workflow) => {
        drives++
        const slow = workflow.do(
          'slow',
          async () => {
            const call = ++calls
            if (call > 1) return 'slow'
            await letGo.promise
            throw new Error('the first time')
          },
          { retries: 2 }
        )
        const other = async () => {
          await workflow.do('first', async () => 1)
          return meeting(workflow, drives === 1, letGo.resolve)
        }
        return Promise.all([slow, other()])
      })
      const { runId } = await start('w')
      expect((await service.getRun(runId))?.output).toEqual([
        'slow',
        'by another',
      ])
      expect({ calls, drives }).toEqual({ calls: 2, drives: 2 })
    })

    test('branches in the same call as a stale replay run once', async () => {
      let drives = 0
      const ran: string[] = []
      harness.workflow('w', async (workflow) => {
        const drive = ++drives
        if (drive === 1) await meet(workflow.runId!, 'met')
        const run = (name: string) =>
          workflow.do(name, async () => void ran.push(`${name} in ${drive}`))
        await Promise.all(['met', 'b', 'c'].map(run))
      })
      const { runId } = await start('w')
      expect((await service.getRun(runId))?.status).toBe('completed')
      expect(ran.toSorted()).toEqual(['b in 2', 'c in 2'])
    })
  }
)
