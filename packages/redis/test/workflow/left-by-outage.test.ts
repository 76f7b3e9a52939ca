import { setTimeout as delay } from 'node:timers/promises'
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
})
