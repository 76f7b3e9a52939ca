import { setTimeout as delay } from 'node:timers/promises'
import { uniquePrefix } from '@pikku/redis-testing'
import { expect, inject, test } from 'vitest'
import { CLIENTS } from '../src/connection.ts'
import { APPROVAL, ORDER, SHIPMENT } from '../src/orders.ts'
import { openShop, type Shop } from '../src/shop.ts'
import { WorkerPool } from '../src/worker-pool.ts'

const ORDERS = 500
const WORKERS = 4
/** Of one worker: how many steps it has in hand at most. */
const CONCURRENCY = 16
const EFFECTS = ['Reserve stock', 'Charge card', 'Send receipt']

const needsApproval = (number: number) => number % 4 === 0

/**
 * Four workers, of which one is killed every half second and started again, a
 * fifth of all messages twice, and nobody who helps. A person approves every
 * fourth order, once.
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
          shop.order({ number, needsApproval: needsApproval(number) })
        )
      )
      const approved = new Set<string>()
      await until(
        async () => {
          await approve(shop, approved)
          return allCompleted(shop)
        },
        () => whatIsLeft(shop)
      )
      const seconds = (performance.now() - began) / 1_000
      over.abort()
      const kills = await killing
      const asked = ids.filter((_, number) => needsApproval(number))
      expect([...approved].toSorted()).toEqual(asked.toSorted())
      const repeated = await expectEffectsOnce(shop, ids)
      console.log(
        `${client}: ${kills} kills, ${ORDERS} orders in ${seconds.toFixed(1)} s` +
          ` (${(ORDERS / seconds).toFixed(1)} orders/s), ${approved.size}` +
          ` approved; made again after a kill: ${repeated} effects`
      )
      expect(kills).toBeGreaterThan(10)
      // Only what a worker had in hand when it was killed happens again.
      expect(repeated).toBeLessThanOrEqual(kills * CONCURRENCY)
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

async function until(
  holds: () => Promise<boolean>,
  failure: () => Promise<string>
): Promise<void> {
  const deadline = performance.now() + 200_000
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(await failure())
    await delay(100)
  }
}

/** Each run once: it is still suspended until its driver got the message. */
async function approve(
  { runs, service }: Shop,
  approved: Set<string>
): Promise<void> {
  const waiting = await runs.listRuns({ status: 'suspended', limit: ORDERS })
  for (const { id } of waiting) {
    if (approved.has(id)) continue
    await service.approveStep(id, APPROVAL, { approved: true })
    approved.add(id)
  }
}

/** All orders, each with its shipment. */
async function allCompleted({ runs }: Shop): Promise<boolean> {
  expect(await runs.listRuns({ status: 'failed', limit: 1 })).toEqual([])
  const counts = await runs.countRuns()
  const orders = counts.find(({ workflowName }) => workflowName === ORDER)
  return (
    orders?.count === ORDERS &&
    counts.every(({ status }) => status === 'completed')
  )
}

async function whatIsLeft({ runs, service }: Shop): Promise<string> {
  const counts = await runs.countRuns()
  const left = await Promise.all(
    ['running', 'suspended'].map((status) =>
      runs.listRuns({ status, limit: 1 })
    )
  )
  const stuck = await Promise.all(
    left.flat().map(async (run) => {
      return { run, history: await service.getRunHistory(run.id) }
    })
  )
  return JSON.stringify({ counts, stuck }, null, 2)
}

/**
 * A worker that is killed between an effect and its record makes it happen
 * again: nobody can tell. But each step has one result, that of its last
 * effect, so none happened after a result was recorded.
 *
 * A shipment is there once: the next attempt of a worker that was killed after
 * it started a child run goes on with that one.
 */
async function expectEffectsOnce(shop: Shop, ids: string[]): Promise<number> {
  const tokens = Map.groupBy(
    await shop.effects(),
    ({ runId, name }) => `${runId} ${name}`
  )
  let recorded = 0
  const expectOnce = (history: History, runId: string, name: string) => {
    const step = `${runId} ${name}`
    const result = onlySuccess(history, runId, name).result
    expect(result, step).toBe(tokens.get(step)?.at(-1)?.token)
    recorded += 1
    return result
  }
  const shipments = await shipmentsOf(shop)
  for (const [number, id] of ids.entries()) {
    const history = await shop.service.getRunHistory(id)
    const [stock, payment, receipt] = EFFECTS.map((name) =>
      expectOnce(history, id, name)
    )
    const parcels: unknown[] = []
    const children = shipments.get(id) ?? []
    for (const child of children) {
      const own = await shop.service.getRunHistory(child.id)
      expect(child.output).toBe(expectOnce(own, child.id, 'Pack parcel'))
      parcels.push(child.output)
    }
    const ship = onlySuccess(history, id, 'Ship')
    expect(children, id).toHaveLength(1)
    expect(children[0]?.wire?.parentStepId, id).toBe(ship.stepId)
    // It is linked, unless it ended before its worker could say so.
    const linkable = [undefined, children[0]?.id]
    expect(linkable, id).toContain(ship.childRunId)
    expect(parcels, id).toEqual([ship.result])
    const decisions = history.filter(
      ({ stepName }) => stepName === `__workflow_approval:${APPROVAL}`
    )
    const approved = {
      status: 'succeeded',
      result: { data: { approved: true } },
    }
    expect(decisions, id).toMatchObject(needsApproval(number) ? [approved] : [])
    const run = await shop.service.getRun(id)
    const parcel = ship.result
    expect(run?.output).toEqual({ stock, payment, parcel, receipt })
  }
  const happened = [...tokens.values()].reduce(
    (sum, all) => sum + all.length,
    0
  )
  // No effect is of a step that none of the above knows.
  expect(tokens.size).toBe(recorded)
  return happened - recorded
}

type History = Awaited<ReturnType<Shop['service']['getRunHistory']>>

function onlySuccess(history: History, runId: string, name: string) {
  const attempts = history.filter(({ stepName }) => stepName === name)
  const succeeded = attempts.filter(({ status }) => status === 'succeeded')
  expect(succeeded, `${runId} ${name}`).toHaveLength(1)
  // What came before it failed, or its worker died; nothing came after it.
  expect(attempts.at(-1), `${runId} ${name}`).toBe(succeeded[0])
  for (const { status } of attempts.slice(0, -1)) expect(status).toBe('failed')
  return succeeded[0]!
}

/** The shipments by their orders. */
async function shipmentsOf({ runs }: Shop) {
  const all: Awaited<ReturnType<Shop['runs']['listRuns']>> = []
  for (let cursor: string | undefined; ;) {
    const page = await runs.listRunsPage({
      workflowName: SHIPMENT,
      limit: 200,
      ...(cursor && { cursor }),
    })
    all.push(...page.runs)
    cursor = page.cursor
    if (!cursor) break
  }
  return Map.groupBy(all, ({ wire }) => wire?.parentRunId)
}

async function expectNothingLeft(shop: Shop, prefix: string): Promise<void> {
  const { adapter } = shop.service
  for (const index of ['idle', 'pending', 'leases']) {
    const key = `${prefix}:index:${index}`
    const left = await adapter.send({ key, args: ['ZRANGE', key, '0', '-1'] })
    expect(left, index).toEqual([])
  }
  expect(await shop.runs.countRuns()).toEqual([
    { workflowName: ORDER, status: 'completed', count: ORDERS },
    { workflowName: SHIPMENT, status: 'completed', count: ORDERS },
  ])
}
