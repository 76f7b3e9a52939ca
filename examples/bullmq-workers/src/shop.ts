import { provideServices, rpc } from './application.ts'
import { BullQueues } from './bullmq-binding.ts'
import { type Client, connect, type Runs, type Service } from './connection.ts'
import { ORDER, type Order, registerOrders } from './orders.ts'

export interface ShopOptions {
  readonly client: Client
  readonly url: string
  readonly keyPrefix: string
  /** How often, of 100 messages, one is given to the queue twice. */
  readonly duplicates?: number
  /** How fast dead workers are found, in ms. @default 30000 */
  readonly leaseMs?: number
}

/** What every process of the shop has: one connection, a store, the queues. */
export interface Shop {
  readonly service: Service
  readonly runs: Runs
  readonly queues: BullQueues
  order(order: Order): Promise<string>
  /** All effects that happened, in order. */
  effects(): Promise<Array<{ runId: string; name: string; token: string }>>
  close(): Promise<void>
}

export async function openShop(options: ShopOptions): Promise<Shop> {
  const { client, url, keyPrefix, duplicates = 0, leaseMs = 30_000 } = options
  const connection = await connect(client, url)
  const queuePrefix = `${keyPrefix}-queues`
  const queues =
    duplicates > 0
      ? new DuplicatingQueues(connection.forQueues, queuePrefix, duplicates)
      : new BullQueues(connection.forQueues, queuePrefix)
  // Duplicates make late results, each of which is ignored with a warning.
  provideServices(queues, duplicates > 0 ? () => {} : console.error)
  const service = connection.service({
    keyPrefix,
    wireQueues: false,
    stepLeaseMs: leaseMs,
    lock: { ttlMs: leaseMs },
  })
  await service.init()
  const runs = connection.runs(keyPrefix)
  await runs.init()

  const key = `${keyPrefix}-effects`
  const { adapter } = service
  registerOrders(async (runId, name, token) => {
    const effect = JSON.stringify({ runId, name, token })
    await adapter.send({ key, args: ['RPUSH', key, effect] })
  })
  return {
    service,
    runs,
    queues,
    order: async (order) => {
      const wire = { type: 'order' }
      return (await service.startWorkflow(ORDER, order, wire, rpc)).runId
    },
    effects: async () => {
      const lines = await adapter.send({
        key,
        args: ['LRANGE', key, '0', '-1'],
      })
      return (lines as string[]).map((line) => JSON.parse(line))
    },
    // What uses the connection ends before it does.
    close: async () => {
      await service.close()
      await runs.close()
      await queues.close()
      await connection.close()
    },
  }
}

/** A queue that delivers at least once, and now and then twice. */
class DuplicatingQueues extends BullQueues {
  readonly #percent: number

  constructor(
    connection: ConstructorParameters<typeof BullQueues>[0],
    prefix: string,
    percent: number
  ) {
    super(connection, prefix)
    this.#percent = percent
  }

  override async add(...args: Parameters<BullQueues['add']>): Promise<string> {
    if (Math.random() * 100 < this.#percent) await super.add(...args)
    return super.add(...args)
  }
}
