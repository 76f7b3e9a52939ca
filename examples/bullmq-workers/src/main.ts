import { setTimeout as delay } from 'node:timers/promises'
import { findRedis, uniquePrefix } from '@pikku/redis-testing'
import { CLIENTS, type Client } from './connection.ts'
import { APPROVAL, ORDER } from './orders.ts'
import { openShop, type Shop } from './shop.ts'
import { WorkerPool } from './worker-pool.ts'

const ORDERS = 40
const WORKERS = 3

const redis = await findRedis({ log: console.log })
try {
  // Pikku keeps an application's services in a global: one shop after another.
  for (const client of CLIENTS) await sell(client, redis.url)
} finally {
  await redis.stop()
}

async function sell(client: Client, url: string): Promise<void> {
  const options = { client, url, keyPrefix: uniquePrefix('shop') }
  const pool = new WorkerPool(options)
  const shop = await openShop(options)
  try {
    await pool.start(WORKERS)
    console.log(`\n${client}: workers ${pool.pids.join(', ')}`)
    await Promise.all(
      Array.from({ length: ORDERS }, (_, number) =>
        shop.order({ number, needsApproval: number % 4 === 0 })
      )
    )
    await Promise.all([deploy(pool), follow(shop)])
    console.log(`${client}: OK, ${ORDERS} orders completed`)
  } finally {
    await pool.stop()
    await shop.close()
  }
}

/** Every worker is replaced while orders are under way. */
async function deploy(pool: WorkerPool): Promise<void> {
  for (let i = 0; i < WORKERS; i++) {
    await pool.replace(i, 'SIGTERM')
    console.log(`  deployed: worker ${i + 1} is process ${pool.pids[i]} now`)
  }
}

/** Shows how far the orders are, and gives the approvals: a person would. */
async function follow({ runs, service }: Shop): Promise<void> {
  const approved = new Set<string>()
  for (let shown = ''; ; await delay(50)) {
    for (const { id } of await runs.listRuns({ status: 'suspended' })) {
      // It is suspended until a worker has taken the message of the approval.
      if (approved.has(id)) continue
      approved.add(id)
      await service.approveStep(id, APPROVAL, { approved: true })
    }
    const counts = (await runs.countRuns()).filter(
      ({ workflowName }) => workflowName === ORDER
    )
    const line = counts.map(({ status, count }) => `${count} ${status}`)
    if (line.join() !== shown) console.log(`  ${line.join(', ')}`)
    shown = line.join()
    const failed = counts.find(({ status }) => status === 'failed')
    if (failed) throw new Error(`${failed.count} orders failed`)
    const done = counts.find(({ status }) => status === 'completed')
    if (done?.count === ORDERS) return
  }
}
