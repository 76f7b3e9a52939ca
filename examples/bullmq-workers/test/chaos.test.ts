import { setTimeout as delay } from 'node:timers/promises'
import { uniquePrefix } from '@pikku/redis-testing'
import { expect, inject, test } from 'vitest'
import { CLIENTS } from '../src/connection.ts'
import { ORDER, SHIPMENT } from '../src/orders.ts'
import { openShop, type Shop } from '../src/shop.ts'
import { WorkerPool } from '../src/worker-pool.ts'

const ORDERS = 500
const WORKERS = 4
const STEPS = ['Reserve stock', 'Charge card', 'Ship', 'Send receipt']

/**
 * Four workers, of which one is killed every half second and started again, a
 * fifth of all messages twice, and nobody who helps.
 */
test.each(CLIENTS)(
  'over %s every order ends though workers are killed all the time',
  async (client) => {
    const options = {
      client,
      url: inject('redisUrl'),
      keyPrefix: uniquePrefix('chaos'),
      duplicates: 20,
      leaseMs: 2_000,
    }
    const pool = new WorkerPool(options)
    const shop = await openShop(options)
    const over = new AbortController()
    try {
      await pool.start(WORKERS)
      const began = performance.now()
      const killing = killAtRandom(pool, over.signal)
      const ids = await Promise.all(
        Array.from({ length: ORDERS }, (_, number) =>
          shop.order({ number, needsApproval: false })
        )
      )
      await allCompleted(shop)
      const seconds = (performance.now() - began) / 1_000
      over.abort()
      const kills = await killing
      console.log(
        `${client}: ${kills} kills, ${ORDERS} orders in ${seconds.toFixed(1)} s` +
          ` (${(ORDERS / seconds).toFixed(1)} orders/s)`
      )
      expect(kills).toBeGreaterThan(10)
      await expectEffectsOnce(shop, ids)
      // Workers that end by themselves hand over what they have in hand.
      await pool.stop()
      await expectNothingLeft(shop, options.keyPrefix)
    } finally {
      over.abort()
      await pool.stop()
      await shop.close()
    }
  }
)

async function killAtRandom(
  pool: WorkerPool,
  over: AbortSignal
): Promise<number> {
  let kills = 0
  const revivals = new Map<number, Promise<void>>()
  while (!over.aborted) {
    await delay(500, undefined, { signal: over }).catch(() => {})
    if (over.aborted) break
    const victim = Math.floor(Math.random() * WORKERS)
    if (revivals.has(victim)) continue
    kills += 1
    revivals.set(
      victim,
      pool.replace(victim, 'SIGKILL').finally(() => revivals.delete(victim))
    )
  }
  await Promise.all(revivals.values())
  return kills
}

async function allCompleted({ runs, service }: Shop): Promise<void> {
  const deadline = performance.now() + 200_000
  for (;;) {
    const counts = (await runs.countRuns()).filter(
      ({ workflowName }) => workflowName === ORDER
    )
    const completed = counts.find(({ status }) => status === 'completed')
    if (completed?.count === ORDERS) return
    const failed = await runs.listRuns({ status: 'failed', limit: 1 })
    expect(failed).toEqual([])
    if (performance.now() > deadline) {
      const [stuck] = await runs.listRuns({
        status: 'running',
        workflowName: ORDER,
        limit: 1,
      })
      const history = stuck && (await service.getRunHistory(stuck.id))
      throw new Error(JSON.stringify({ counts, stuck, history }, null, 2))
    }
    await delay(100)
  }
}

/** A step's recorded result is what its last effect gave; none came after it. */
async function expectEffectsOnce(shop: Shop, ids: string[]): Promise<void> {
  const effects = await shop.effects()
  const tokens = new Map<string, string[]>()
  for (const { runId, name, token } of effects) {
    const key = `${runId} ${name}`
    tokens.set(key, [...(tokens.get(key) ?? []), token])
  }
  for (const id of ids) {
    const history = await shop.service.getRunHistory(id)
    for (const name of STEPS) {
      const succeeded = history.filter(
        ({ stepName, status }) => stepName === name && status === 'succeeded'
      )
      expect(succeeded, `${id} ${name}`).toHaveLength(1)
      if (name === 'Ship') continue
      const happened = tokens.get(`${id} ${name}`) ?? []
      expect(happened.at(-1), `${id} ${name}`).toBe(succeeded[0]?.result)
    }
  }
}

async function expectNothingLeft(shop: Shop, prefix: string): Promise<void> {
  const { adapter } = shop.service
  for (const index of ['idle', 'pending', 'leases']) {
    const key = `${prefix}:index:${index}`
    const left = await adapter.send({ key, args: ['ZRANGE', key, '0', '-1'] })
    expect(left, index).toEqual([])
  }
  const counts = await shop.runs.countRuns()
  expect(
    counts.filter(({ workflowName }) => workflowName !== SHIPMENT)
  ).toEqual([{ workflowName: ORDER, status: 'completed', count: ORDERS }])
  expect(counts.every(({ status }) => status === 'completed')).toBe(true)
}
