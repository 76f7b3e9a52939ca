import { WorkerProcess } from '@pikku/redis-testing'
import { openService, type Client, type Service } from './client.ts'
import { parseEvent, type WorkerEvent } from './event.ts'
import { APPROVAL, shipmentStep } from './fulfilment.ts'
import { Ledger } from './ledger.ts'
import type { Order } from './orders.ts'
import { prove, type Snapshot } from './proof.ts'
import { RunBook } from './run-book.ts'
import { provideServices } from './services.ts'
import { bold, cyan, dim, green, red, yellow } from './style.ts'
import { drawLegend, drawTimeline } from './timeline.ts'
import type { WorkerOptions } from './worker.ts'

const WORKER = new URL('./worker.ts', import.meta.url)
const DEADLINE_MS = 30_000

export interface DemoOptions {
  readonly client: Client
  readonly url: string
  readonly keyPrefix: string
  readonly runBook: string
  readonly orders: readonly Order[]
}

/** The whole story on one client. Returns what failed: nothing, one hopes. */
export async function runDemo(options: DemoOptions): Promise<string[]> {
  const { client, url, keyPrefix } = options
  let worker: WorkerProcess | undefined
  provideServices()
  // A decision wakes its run through the queue. Any will do, BullMQ for one;
  // this one is the stdin of the worker.
  const queue = {
    supportsResults: false,
    add: async (_queue: string, job: unknown) => {
      const { runId } = job as { runId: string }
      worker?.writeLine(runId)
      return runId
    },
    getJob: async () => null,
  }
  const service = await openService(client, url, {
    keyPrefix,
    queue,
    wireQueues: false,
  })
  try {
    return await tell(service, options, (next) => (worker = next))
  } finally {
    await worker?.kill()
    await removeKeys(service, keyPrefix)
    await service.close()
  }
}

async function tell(
  service: Service,
  { orders, runBook, ...options }: DemoOptions,
  setWorker: (worker: WorkerProcess) => void
): Promise<string[]> {
  const start = async (holdAt?: string) => {
    const { client, url, keyPrefix } = options
    const told: WorkerOptions = { client, url, keyPrefix, runBook, holdAt }
    const worker = await WorkerProcess.start(WORKER, {
      env: { DEMO_WORKER: JSON.stringify(told) },
    })
    setWorker(worker)
    console.log(dim(`  worker ${worker.pid} starts`))
    return worker
  }

  const victim = orders[Math.floor(orders.length / 2)]!
  const first = await start(`${victim.id}:${shipmentStep(victim.parcels[1])}`)
  await follow(first, (event) => event.type === 'held')
  await first.kill('SIGKILL')
  const killedAt = await serverTime(service)
  console.log(red(bold(`  kill -9 ${first.pid}`)))

  const runs = new RunBook(runBook).read()
  const before = await takeSnapshots(service, runs)
  const recorded = before.reduce((sum, run) => sum + run.recorded.length, 0)
  console.log(`  Redis holds ${recorded} recorded results of ${runs.size} runs`)

  const second = await start()
  const unfinished = new Set(orders.map(({ id }) => id))
  await follow(second, async (event) => {
    if (event.type === 'waiting' && event.runId) {
      // Another process than the one that runs the workflow decides.
      await service.approveStep(event.runId, APPROVAL, { approved: true })
      console.log(`  ${event.order}  ${cyan('approved')} by ${process.pid}`)
    }
    if (event.type === 'completed') unfinished.delete(event.order)
    return unfinished.size === 0
  })
  await second.kill('SIGTERM')

  for (const { id, customer, item } of orders) {
    console.log(`\n  ${bold(id)} ${customer}, ${item}`)
    const history = await service.getRunHistory(runs.get(id) ?? '')
    for (const line of drawTimeline(history, killedAt)) console.log(line)
  }
  console.log(drawLegend())
  console.log()

  const ledger = new Ledger(service, options.keyPrefix)
  const { lines, failures } = await prove(service, {
    orders,
    runs,
    before,
    attempts: await ledger.attempts(),
    killedPid: first.pid,
    nextPid: second.pid,
  })
  for (const line of lines) console.log(line)
  return failures
}

/** Shows what a worker says until an event is the last one. */
async function follow(
  worker: WorkerProcess,
  isLast: (event: WorkerEvent) => boolean | Promise<boolean>
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const look = async (event: WorkerEvent) => {
    if (await isLast(event)) resolve()
  }
  const watched = worker.waitForLine((line) => {
    const event = parseEvent(line)
    show(event)
    if (event.type === 'failed')
      reject(new Error(`${event.order}: ${event.text}`))
    look(event).catch(reject)
    // Never the line that is waited for: what follows is shown too.
    return false
  }, DEADLINE_MS)
  watched.catch(reject)
  return promise
}

function show({ type, order, step, text }: WorkerEvent): void {
  const said = {
    started: dim('started'),
    resumed: dim('taken over'),
    step: `${(step ?? '').padEnd(20)} ${text === 'declined' ? red(text) : (text ?? '')}`,
    held: `${(step ?? '').padEnd(20)} ${yellow('done, not yet recorded')}`,
    waiting: yellow('waits for approval'),
    completed: green('completed'),
    failed: red(text ?? 'failed'),
  }[type]
  console.log(`  ${order}  ${said}`)
}

async function takeSnapshots(
  service: Service,
  runs: ReadonlyMap<string, string>
): Promise<Snapshot[]> {
  return Promise.all(
    [...runs].map(async ([order, runId]) => {
      const history = await service.getRunHistory(runId)
      return {
        order,
        recorded: history.filter(({ status }) => status === 'succeeded'),
      }
    })
  )
}

/** The clock that the recorded times come from. */
async function serverTime({ adapter }: Service): Promise<number> {
  const reply = await adapter.send({ key: null, args: ['TIME'] })
  const [secondsPart, micros] = reply as [string, string]
  return Number(secondsPart) * 1_000 + Math.floor(Number(micros) / 1_000)
}

/** The server may be somebody's own. Only keys of this demo's prefix go. */
async function removeKeys(
  { adapter }: Service,
  keyPrefix: string
): Promise<void> {
  let cursor = '0'
  do {
    const reply = await adapter.send({
      key: null,
      args: ['SCAN', cursor, 'MATCH', `${keyPrefix}*`, 'COUNT', '500'],
    })
    const [next, keys] = reply as [string, string[]]
    for (const key of keys) await adapter.send({ key, args: ['DEL', key] })
    cursor = next
  } while (cursor !== '0')
}
