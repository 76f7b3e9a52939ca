import { until } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CLIENTS, keysOf } from '../clients.js'
import { EngineHarness, type Job } from '../engine/engine-harness.js'
import { LEASE, SCHEMA, firstRecovered, sweepUntilEnded } from './sweeping.js'

/** A run that waits for a person is nobody's; one that goes on is somebody's. */
describe.each(CLIENTS)('approvals over $client', (client) => {
  let harness: EngineHarness
  let letGo: () => void
  let held: Promise<void>

  beforeEach(async () => {
    harness = await EngineHarness.open(client, { queue: true, service: LEASE })
    held = new Promise((resolve) => {
      letGo = resolve
    })
    harness.step('quick', () => 'quick', { queued: true })
  })

  afterEach(async () => {
    letGo()
    await harness.close()
  })

  test('behind an approval, a step whose dispatch was lost is dispatched', async () => {
    harness.workflow('gated', async (workflow) => {
      await workflow.approval('Approve', { schema: SCHEMA })
      return workflow.do('after', 'quick', {})
    })
    const runId = await harness.start('gated')
    await harness.drain()
    expect((await harness.run(runId)).status).toBe('suspended')
    await harness.service.approveStep(runId, 'Approve', {} as never)
    const dead = await harness.another(LEASE)
    const asked = Promise.withResolvers<void>()
    vi.spyOn(harness.queue, 'add').mockImplementationOnce(() => {
      asked.resolve()
      return new Promise(() => {})
    })
    void harness.deliver(harness.queue.take() as Job, dead).catch(() => {})
    await asked.promise
    await dead.close()
    expect(await sweepUntilEnded(harness, runId)).toBe('completed')
  })

  test('behind an approval, a driver that died in a step is replaced', async () => {
    let calls = 0
    harness.workflow('gated', async (workflow) => {
      await workflow.approval('Approve', { schema: SCHEMA })
      return workflow.do('after', async () => {
        calls++
        if (calls === 1) await held
        return calls
      })
    })
    const runId = await harness.start('gated')
    await harness.drain()
    await harness.service.approveStep(runId, 'Approve', {} as never)
    const dead = await harness.another(LEASE)
    void harness.deliver(harness.queue.take() as Job, dead).catch(() => {})
    await until(async () => calls === 1)
    await dead.close()
    expect(await sweepUntilEnded(harness, runId)).toBe('completed')
  })

  test('a gate is in nobody’s hands, and a sweep makes nothing of it', async () => {
    harness.workflow('gated', async (workflow) => {
      await workflow.approval('Approve', { schema: SCHEMA })
    })
    const runId = await harness.start('gated')
    await harness.drain()
    expect(harness.service['leasesHeld']).toBe(0)
    const { leases: index } = keysOf(harness.prefix).indexKeys(runId)
    const leases = () =>
      harness.service.adapter.send({
        key: index,
        args: ['ZCARD', index],
      })
    expect(await leases()).toBe(1)
    await until(async () => {
      expect(await harness.service.recoverOrphanedSteps()).toEqual({
        recovered: [],
      })
      return (await leases()) === 0
    })
    expect((await harness.run(runId)).status).toBe('suspended')
  })

  test('beside a gate that is shut, a driver that died in a step is replaced', async () => {
    let calls = 0
    harness.workflow('gated', (workflow) =>
      Promise.all([
        workflow.approval('Approve', { schema: SCHEMA }),
        workflow.do('ask', async () => {
          calls++
          if (calls === 1) await held
        }),
      ])
    )
    const runId = await harness.start('gated')
    const dead = await harness.another(LEASE)
    const job = harness.queue.take() as Job
    void harness.deliver(job, dead).catch(() => {})
    await until(async () => {
      return calls === 1 && (await harness.run(runId)).status === 'suspended'
    })
    await dead.close()
    expect(await firstRecovered(harness.service)).toEqual([
      { runId, stepName: 'ask', outcome: 'redriven' },
    ])
    await harness.drain()
    expect(calls).toBe(2)
    expect((await harness.run(runId)).status).toBe('suspended')
    await harness.service.approveStep(runId, 'Approve', {} as never)
    expect(await sweepUntilEnded(harness, runId)).toBe('completed')
    expect(calls).toBe(2)
  })

  test('a sweep opens no gate that a replay would go through', async () => {
    const ran: string[] = []
    harness.workflow('gated', (workflow) =>
      Promise.all([
        workflow.suspend('wait').then(() => ran.push('behind')),
        workflow.do('ask', async () => {
          ran.push('ask')
          await held
        }),
      ])
    )
    const runId = await harness.start('gated')
    const dead = await harness.another(LEASE)
    void harness.deliver(harness.queue.take() as Job, dead).catch(() => {})
    await until(async () => {
      return (
        ran.length === 1 && (await harness.run(runId)).status === 'suspended'
      )
    })
    await dead.close()
    const keys = keysOf(harness.prefix)
    const { leases } = keys.indexKeys(runId)
    const lease = keys.stepLease(runId, 'ask', 1)
    const endOf = async () => {
      const args = ['ZSCORE', leases, lease] as const
      return Number(await harness.service.adapter.send({ key: leases, args }))
    }
    const before = await endOf()
    await until(async () => {
      const { recovered } = await harness.service.recoverOrphanedSteps()
      expect(recovered).toEqual([])
      return (await endOf()) > before + 10 * LEASE.stepLeaseMs
    })
    await harness.drain()
    expect(ran).toEqual(['ask'])
    expect((await harness.run(runId)).status).toBe('suspended')
  })

  test('a gate in a run that goes on has it driven once, not at every lease', async () => {
    let drives = 0
    harness.workflow('either', (workflow) => {
      drives++
      return Promise.race([
        workflow.do('after', 'quick', {}),
        workflow.approval('Approve', { schema: SCHEMA }),
      ])
    })
    const runId = await harness.start('either')
    await harness.runJob(harness.queue.take() as Job)
    expect((await harness.run(runId)).status).toBe('running')
    const found: string[] = []
    const ended = Date.now() + 8 * LEASE.stepLeaseMs
    await until(async () => {
      const { recovered } = await harness.service.recoverOrphanedSteps()
      found.push(...recovered.map(({ stepName }) => stepName))
      return Date.now() > ended
    })
    expect(found).toHaveLength(1)
    expect(drives).toBe(1)
  })
})
