import { RedisWrongTypeError } from '@pikku/redis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, keysOf, openService, type Service } from '../clients.js'
import { EngineHarness } from '../engine/engine-harness.js'
import { CountedAdapter } from './counted-adapter.js'

describe.each(CLIENTS)(
  'the lock of a run that is driven, over $client',
  (client) => {
    let harness: EngineHarness
    let adapter: CountedAdapter
    let service: Service

    beforeEach(async () => {
      harness = await EngineHarness.open(client)
      adapter = new CountedAdapter(harness.service.adapter)
      service = await openService(
        client,
        { keyPrefix: harness.prefix },
        adapter
      )
    })

    afterEach(async () => {
      await service.close()
      await harness.close()
    })

    /** A run whose driver died when so many steps were recorded. */
    async function recorded(steps: number): Promise<string> {
      const by = harness.service
      harness.workflow('recorded', async (workflow) => {
        const results: unknown[] = []
        for (let i = 0; i < steps; i++) {
          const step = async () => 'ran again'
          results.push(await workflow.do(`${i}`, step))
        }
        return results
      })
      const wire = { type: 'test' }
      const id = await by.createRun(
        'recorded',
        {},
        true,
        undefined as never,
        wire
      )
      await by.withRunLock(id, () =>
        Promise.all(
          numbers(steps).map(async (i) => {
            const step = await by.insertStepState(id, `${i}`, null, {})
            await by.setStepResult(step.stepId, i)
          })
        )
      )
      return id
    }

    const numbers = (count: number) =>
      Array.from({ length: count }, (_, i) => i)

    test('a replay of ten steps is read in the round trip that takes the lock', async () => {
      const id = await recorded(10)
      await service.runWorkflowJob(id, harness.rpc)
      adapter.trips.length = 0
      const again = await recorded(10)
      await service.runWorkflowJob(again, harness.rpc)
      // The lock, the run's end, and the lock again.
      expect(adapter.trips).toHaveLength(3)
      expect((await service.getRun(again))?.output).toEqual(numbers(10))
    })

    test.each([63, 64, 65, 1_100])(
      'a replay of %i steps finds all of them',
      async (steps) => {
        const id = await recorded(steps)
        await service.runWorkflowJob(id, harness.rpc)
        expect((await service.getRun(id))?.output).toEqual(numbers(steps))
        expect(await service.getRunHistory(id)).toHaveLength(steps)
      }
    )

    test('an engine that writes before it reads finds what it wrote', async () => {
      const id = await recorded(1)
      const list = service['listStepStates'].bind(service)
      let found: unknown
      service['listStepStates'] = async (runId) => {
        await service.insertStepState(runId, 'early', null as never, {})
        const steps = await list(runId)
        found = steps?.map(({ stepName }) => stepName)
        return steps
      }
      await service.runWorkflowJob(id, harness.rpc)
      expect(found).toEqual(['0', 'early'])
    })

    test('is not taken if the run can not be read', async () => {
      const id = await recorded(1)
      const keys = keysOf(harness.prefix)
      const send = (...args: [string, string, ...string[]]) =>
        adapter.send({ key: args[1], args })
      await send('DEL', keys.historyKey(id))
      await send('SET', keys.historyKey(id), 'foreign')
      const driven = service.runWorkflowJob(id, harness.rpc)
      await expect(driven).rejects.toBeInstanceOf(RedisWrongTypeError)
      expect(await send('EXISTS', keys.lockKey(id))).toBe(0)
    })

    test('whoever finds it held reads nothing of the run', async () => {
      const id = await recorded(1)
      const replies: unknown[] = []
      const { send } = adapter
      adapter.send = async (command) => {
        const reply = await send.call(adapter, command)
        replies.push(reply)
        return reply
      }
      const other = await openService(
        client,
        { keyPrefix: harness.prefix, lock: { retries: 2, retryDelayMs: 5 } },
        adapter
      )
      await harness.service.withRunLock(id, async () => {
        replies.length = 0
        await expect(other.runWorkflowJob(id, harness.rpc)).rejects.toThrow(
          'held by another owner'
        )
      })
      await other.close()
      const held = ['held', expect.any(Number)]
      expect(replies.slice(-2)).toEqual([held, held])
    })
  }
)
