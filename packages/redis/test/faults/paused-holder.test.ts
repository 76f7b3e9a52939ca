import { RawConnection, uniquePrefix } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { CLIENTS, PIPELINING, openService, type Service } from '../clients.js'
import type { Message } from '../engine/application.js'
import { type End, OrderWorker } from './workers/order-worker-process.js'
import type { Effect, WorkerSetup } from './workers/protocol.js'

const TTL_MS = 400
const LOCK = {
  ttlMs: TTL_MS,
  renewEveryMs: 100,
  retries: 100,
  retryDelayMs: 20,
}

describe.each(CLIENTS)('a paused lock holder over $client', (client) => {
  let prefix: string
  let service: Service
  let raw: RawConnection
  let setup: WorkerSetup
  let messages: Message[]
  let effects: Effect[]
  let workers: OrderWorker[]

  beforeEach(async () => {
    const url = inject('redisUrl')
    prefix = uniquePrefix()
    ;[messages, effects, workers] = [[], [], []]
    raw = await RawConnection.open(url)
    service = await openService(client, { keyPrefix: prefix })
    setup = {
      client: client.client,
      url,
      service: { keyPrefix: prefix, lock: LOCK, pipelining: PIPELINING },
    }
  })

  afterEach(async () => {
    await Promise.all(workers.map((worker) => worker.process.kill()))
    await service.close()
    await raw.close()
  })

  async function startWorker(holds: boolean): Promise<OrderWorker> {
    const worker = await OrderWorker.start({ ...setup, holds }, (event) => {
      if ('added' in event) messages.push(event.added)
      if ('effect' in event) effects.push(event.effect)
    })
    workers.push(worker)
    return worker
  }

  /** Everything that is stored for the run, but its lock. */
  async function stored(runId: string): Promise<Map<string, unknown>> {
    const keys = (await raw.command('KEYS', `${prefix}:*${runId}*`)) as string[]
    const dumps = new Map<string, unknown>()
    for (const key of keys.toSorted()) {
      if (key.includes(':lock:')) continue
      dumps.set(key, await raw.command('DUMP', key))
    }
    expect(dumps.size).toBeGreaterThan(3)
    return dumps
  }

  /** An order that one worker has in hand, in the middle of its second step. */
  async function pauseInTheMiddle() {
    const paused = await startWorker(true)
    const started = await paused.ask({ start: 'order' })
    const runId = (started as { value: string }).value
    const outcome = paused.deliver(messages.shift()!)
    await paused.process.waitForLine(JSON.stringify({ holds: runId }))
    await paused.process.kill('SIGSTOP')
    return { paused, runId, outcome }
  }

  async function wakeUp(paused: OrderWorker, runId: string): Promise<void> {
    await paused.process.kill('SIGCONT')
    await paused.ask({ go: runId })
  }

  /** Its job ends well, with a message for whoever drives the run next. */
  function expectHandedOver(outcome: End, runId: string): void {
    expect(outcome).toEqual({ how: 'done' })
    expect(messages).toMatchObject([
      {
        queueName: 'pikku-workflow-orchestrator',
        data: { runId },
        options: { delay: 1_000 },
      },
    ])
  }

  test('that wakes up after another finished its run writes nothing', async () => {
    const { paused, runId, outcome } = await pauseInTheMiddle()
    const other = await startWorker(false)
    // The queue gives the message again, as its worker does not answer.
    messages.push({
      queueName: 'pikku-workflow-orchestrator',
      data: { runId } as Message['data'],
      options: {},
    })
    for (let message = messages.shift(); message; message = messages.shift()) {
      const end = await other.deliver(message)
      if (end.how === 'failed') messages.push(message)
    }
    expect(await service.getRun(runId)).toMatchObject({ status: 'completed' })
    const before = await stored(runId)

    await wakeUp(paused, runId)
    expectHandedOver(await outcome, runId)
    expect(await stored(runId)).toEqual(before)
    // Its step did happen a second time: that no store can take back.
    const prices = effects.filter(({ stepName }) => stepName === 'price')
    expect(prices).toHaveLength(2)
    const { result } = await service.getStepState(runId, 'price')
    expect(result).toBe(prices[0]!.value)
    // The message with which it handed the run over finds it finished.
    const history = await service.getRunHistory(runId)
    for (const message of messages) await other.deliver(message)
    expect(await service.getRunHistory(runId)).toEqual(history)
  })

  test('that wakes up to a free lock writes nothing either', async () => {
    const { paused, runId, outcome } = await pauseInTheMiddle()
    const before = await stored(runId)
    const lock = `${prefix}:lock:${runId}`
    // Somebody who only wants the lock gets it when its time has run out.
    await service.withRunLock(runId, async () => {})
    expect(await raw.command('EXISTS', lock)).toBe(0)

    await wakeUp(paused, runId)
    expectHandedOver(await outcome, runId)
    expect(await stored(runId)).toEqual(before)
    expect(await raw.command('EXISTS', lock)).toBe(0)

    const other = await startWorker(false)
    for (let message = messages.shift(); message; message = messages.shift()) {
      const end = await other.deliver(message)
      if (end.how === 'failed') messages.push(message)
    }
    expect(await service.getRun(runId)).toMatchObject({ status: 'completed' })
  })
})
