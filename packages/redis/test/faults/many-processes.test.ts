import { RawConnection, uniquePrefix } from '@pikku/redis-testing'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import {
  CLIENTS,
  PIPELINING,
  keysOf,
  openService,
  type Service,
} from '../clients.js'
import type { Message } from '../engine/application.js'
import { expectStepsAgreeWithHistory } from './agreement.js'
import { OrderWorker } from './workers/order-worker-process.js'
import type { Effect, WorkerEvent } from './workers/protocol.js'

const PROCESSES = 16
const RUNS = 200
/** How often at most one message of a step, or of a run, is given twice. */
const COPIES = 2
/** A queue's delay, in ms, is not what is tested. */
const DELAY_MS = 100

const STEPS = ['reserve', 'price', 'charge', 'ship']

describe('many processes of both clients with messages that come twice', () => {
  const prefix = uniquePrefix()
  const effects = new Map<string, Effect[]>()
  const copies = new Map<string, number>()
  const failures: string[] = []
  let workers: OrderWorker[]
  let service: Service
  let raw: RawConnection
  let turn = 0
  let inHand = 0
  let onDone: () => unknown = () => {}

  beforeAll(async () => {
    const url = inject('redisUrl')
    raw = await RawConnection.open(url)
    service = await openService(CLIENTS[0]!, { keyPrefix: prefix })
    const starting = Array.from({ length: PROCESSES }, (_, n) => {
      const { client } = CLIENTS[n % CLIENTS.length]!
      const lock = { retries: 20, retryDelayMs: 50 }
      const setup = {
        client,
        url,
        service: { keyPrefix: prefix, lock, pipelining: PIPELINING },
      }
      return OrderWorker.start(setup, onEvent)
    })
    workers = await Promise.all(starting)
  })

  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.process.kill()))
    await service.close()
    await raw.close()
  })

  function onEvent(event: WorkerEvent): void {
    if ('effect' in event) {
      const { runId } = event.effect
      effects.set(runId, [...(effects.get(runId) ?? []), event.effect])
    }
    if (!('added' in event)) return
    const { queueName, data } = event.added
    const of = [queueName, data.runId, data.stepName].join()
    const copied = copies.get(of) ?? 0
    void give(event.added)
    if (copied >= COPIES) return
    copies.set(of, copied + 1)
    void give(event.added)
  }

  /** Gives a message to the next worker, until one of them has done it. */
  async function give(message: Message): Promise<void> {
    inHand++
    const { delay = 0, attempts = 1 } = message.options
    if (delay > 0) await new Promise((go) => setTimeout(go, DELAY_MS))
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const worker = workers[turn++ % workers.length]!
      const end = await worker.deliver(message)
      if (end.how === 'done') break
      failures.push(end.how === 'failed' ? end.error : 'a worker died')
    }
    inHand--
    onDone()
  }

  function allDone(): Promise<void> {
    return new Promise((resolve) => {
      onDone = () => inHand === 0 && resolve()
      onDone()
    })
  }

  test('complete every run once, with every side effect once', async () => {
    const starts = Array.from({ length: RUNS }, async (_, n) => {
      const end = await workers[n % workers.length]!.ask({ start: 'order' })
      return (end as { value: string }).value
    })
    const ids = await Promise.all(starts)
    await allDone()
    expect(new Set(ids).size).toBe(RUNS)
    for (const id of ids) {
      const run = await service.getRun(id)
      expect(run, id).toMatchObject({ status: 'completed' })
      const did = effects.get(id) ?? []
      const byStep = did.toSorted(
        (a, b) => STEPS.indexOf(a.stepName) - STEPS.indexOf(b.stepName)
      )
      expect(byStep.map(({ stepName }) => stepName)).toEqual(STEPS)
      expect(run?.output).toEqual(byStep.map(({ value }) => value))
      await expectStepsAgreeWithHistory(raw, keysOf(prefix), id)
    }
    // Only the steps that are made to fail once did, and nothing died.
    const others = failures.filter((text) => !text.includes('charge is busy'))
    expect(others).toEqual([])
    expect(await raw.command('KEYS', `${prefix}:lock:*`)).toEqual([])
    const messages = [...copies.values()].reduce((sum, n) => sum + n, 0)
    console.log(`${RUNS} runs, ${messages} messages given twice`)
  }, 240_000)
})
