import { until } from '@pikku/redis-testing'
import type { Service } from '../clients.js'
import type { EngineHarness } from '../engine/engine-harness.js'

/** A service whose dead workers are soon found. */
export const LEASE = { stepLeaseMs: 200, lock: { ttlMs: 300, retries: 1 } }

/** Of an approval that takes any decision. */
export const SCHEMA = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value: unknown) => ({ value }),
  },
} as never

const ENDED = new Set(['completed', 'failed'])

/** Every sweep, once. */
export async function sweep(service: Service): Promise<void> {
  await service.recoverOrphanedSteps()
  await service.relayUndispatchedSteps({ undispatchedAfterMs: 100 })
  await service.recoverStalledRuns({ stalledAfterMs: 100 })
}

/** Every sweep, and the queue's work, until the run has ended. */
export async function sweepUntilEnded(
  harness: EngineHarness,
  runId: string,
  service: Service = harness.service
): Promise<string> {
  await until(async () => {
    await sweep(service)
    await harness.drain()
    return ENDED.has((await harness.run(runId)).status)
  })
  return (await harness.run(runId)).status
}

type Recovered = Awaited<
  ReturnType<Service['recoverOrphanedSteps']>
>['recovered']

/** What the first sweep that finds anything recovers. */
export async function firstRecovered(service: Service): Promise<Recovered> {
  let found: Recovered = []
  await until(async () => {
    found = (await service.recoverOrphanedSteps()).recovered
    return found.length > 0
  })
  return found
}
