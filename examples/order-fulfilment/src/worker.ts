import { createInterface } from 'node:readline'
import { openService, type Client } from './client.ts'
import { report } from './event.ts'
import { FULFILMENT, registerFulfilment } from './fulfilment.ts'
import { Ledger } from './ledger.ts'
import { readOrders } from './orders.ts'
import { RunBook } from './run-book.ts'
import { NO_RPC, provideServices } from './services.ts'

/**
 * What the demo tells its workers, as JSON in DEMO_WORKER: unlike arguments,
 * an environment does not show a URL's password in the list of processes.
 */
export interface WorkerOptions {
  readonly client: Client
  readonly url: string
  readonly keyPrefix: string
  readonly runBook: string
  readonly holdAt?: string
}

const { client, url, keyPrefix, runBook, holdAt } = JSON.parse(
  process.env['DEMO_WORKER']!
) as WorkerOptions

provideServices()
const service = await openService(client, url, {
  keyPrefix,
  wireQueues: false,
  // A dead worker's lock ends by itself: after 30 s if nobody says otherwise.
  // The tries go on for longer than that, so a successor just waits for it.
  lock: { ttlMs: 1_500, retries: 50, retryDelayMs: 100 },
})
registerFulfilment({ ledger: new Ledger(service, keyPrefix), holdAt })

const book = new RunBook(runBook)
const orderOf = new Map<string, string>()
const known = book.read()

// The demo writes a run's id when it is to be driven again: its queue.
const input = createInterface({ input: process.stdin })
input.on('line', (runId) => void settle(runId, drive(runId)))
input.on('close', () => void service.close())

for (const order of readOrders()) {
  const runId = known.get(order.id)
  if (runId) {
    orderOf.set(runId, order.id)
    report({ type: 'resumed', order: order.id, runId })
    void settle(runId, drive(runId))
    continue
  }
  let created = ''
  const started = service.startWorkflow(
    FULFILMENT,
    order,
    { type: 'internal' },
    NO_RPC,
    {
      onRunCreated: (id) => {
        created = id
        book.add(order.id, id)
        orderOf.set(id, order.id)
        report({ type: 'started', order: order.id, runId: id })
      },
    }
  )
  void started.then(
    () => settle(created),
    (error: unknown) => fail(order.id, error)
  )
}

async function drive(runId: string): Promise<void> {
  try {
    await service.runWorkflowJob(runId, NO_RPC)
  } catch (error) {
    // Not an error: the run waits for a decision.
    if (!(error instanceof Error)) throw error
    if (error.name !== 'WorkflowSuspendedException') throw error
  }
}

async function settle(runId: string, driven?: Promise<void>): Promise<void> {
  const order = orderOf.get(runId) ?? runId
  try {
    await driven
    const run = await service.getRun(runId)
    if (run?.status === 'completed') report({ type: 'completed', order, runId })
    else if (run?.status === 'suspended')
      report({ type: 'waiting', order, runId })
    else fail(order, run?.error?.message ?? `the run is ${run?.status}`)
  } catch (error) {
    fail(order, error)
  }
}

function fail(order: string, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error)
  report({ type: 'failed', order, text })
}
