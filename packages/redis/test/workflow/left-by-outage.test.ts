import { setTimeout as delay } from 'node:timers/promises'
import { until } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, openService, type Service } from '../clients.js'
import { EngineHarness } from '../engine/engine-harness.js'
import { FailingAdapter } from './failing-adapter.js'

describe.each(CLIENTS)('a body that was left, over $client', (client) => {
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

  test('an outage frees its lock, whatever still runs', async () => {
    const letGo = Promise.withResolvers<void>()
    harness.workflow('w', async (workflow) => {
      const failing = async () => {
        await workflow.do('first', () => delay(50))
        adapter.failing = 'second'
        await workflow.do('second', async () => {})
      }
      await Promise.all([
        workflow.suspend('gate'),
        workflow.do('slow', () => letGo.promise),
        failing(),
      ])
    })
    const ended = service
      .startWorkflow('w', {}, { type: 'test' }, harness.rpc)
      .catch((error: Error) => error.message)
    const outcome = await Promise.race([ended, delay(3_000, 'it hangs')])
    letGo.resolve()
    expect(outcome).toContain('interrupted')
  })

  test.each(['all', 'allSettled'] as const)(
    'a step that outlives it records its result, in Promise.%s',
    async (style) => {
      const letGo = Promise.withResolvers<void>()
      const failed = Promise.withResolvers<void>()
      let paid = 0
      harness.workflow('w', async (workflow) => {
        const pay = workflow.do('pay', async () => {
          paid++
          await letGo.promise
        })
        const note = workflow
          .do('first', async () => {})
          .then(() => {
            adapter.failing = 'note'
            return workflow.do('note', async () => {})
          })
        note.catch(() => failed.resolve())
        if (style === 'all') return Promise.all([note, pay])
        for (const branch of await Promise.allSettled([note, pay])) {
          if (branch.status === 'rejected') throw branch.reason
        }
      })
      const runId = await newRun('w')
      const driven = service.runWorkflowJob(runId, harness.rpc)
      driven.catch(() => {})
      await failed.promise
      letGo.resolve()
      await expect(driven).rejects.toThrow('interrupted')
      const isPaid = async () =>
        (await service.getStepState(runId, 'pay')).status === 'succeeded'
      await until(isPaid)
      // The next process that drives it.
      adapter.failing = undefined
      const next = await harness.another()
      harness.workflow('w', async (workflow) => {
        await workflow.do('pay', async () => paid++)
      })
      await next.runWorkflowJob(runId, harness.rpc)
      expect((await next.getRun(runId))?.status).toBe('completed')
      expect(paid).toBe(1)
    }
  )

  const newRun = (name: string) =>
    service.createRun(name, {}, true, `${name}-1`, { type: 'test' })
})
