import { setTimeout as delay } from 'node:timers/promises'
import { until } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, test } from 'vitest'
import { CLIENTS, openService, type Service, testPrefix } from '../clients.js'

const WIRE = { type: 'test' }

/** One that stays stuck never hides another. */
describe.each(CLIENTS)('sweeps over $client', (client) => {
  let keyPrefix: string
  let service: Service

  beforeEach(async () => {
    keyPrefix = testPrefix('fair')
    service = await openService(client, { keyPrefix })
  })

  afterEach(() => service.close())

  test('a run with many waiting steps does not hide another one', async () => {
    const ids = await Promise.all(
      [1, 2].map(() => service.createRun('x', {}, false, 'h', WIRE))
    )
    const [first, last] = ids.toSorted() as [string, string]
    for (const name of ['1', '2', '3']) {
      await service.insertStepState(first, name, 'quick', {})
    }
    await service.insertStepState(last, '1', 'quick', {})
    const seen = new Set<string>()
    await until(async () => {
      const before = new Date(Date.now() - 50)
      const found = await service['findUndispatchedSteps'](before, 2)
      for (const { runId } of found) seen.add(runId)
      return seen.has(last)
    })
  })

  test('stuck runs of one partition do not hide those of another', async () => {
    const spread = await openService(client, {
      keyPrefix: `${keyPrefix}-spread`,
      partitions: 2,
    })
    const ids = await Promise.all(
      Array.from({ length: 12 }, () =>
        spread.createRun('x', {}, false, 'h', WIRE)
      )
    )
    const seen = new Set<string>()
    await until(async () => {
      // As many as there are in one partition are due again each time.
      await delay(60)
      const before = new Date(Date.now() - 50)
      for (const id of await spread['findStalledRunIds'](before, 2)) {
        seen.add(id)
      }
      return seen.size === ids.length
    })
    await spread.close()
  })
})
