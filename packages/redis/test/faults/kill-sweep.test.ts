import { RawConnection, uniquePrefix } from '@pikku/redis-testing'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { CLIENTS, keysOf, openService, type Service } from '../clients.js'
import type { Message } from '../engine/application.js'
import { expectStepsAgreeWithHistory } from './agreement.js'
import { OrderWorker } from './workers/order-worker-process.js'
import { QUEUED_STEPS, SLEEP } from './workers/orders.js'
import type { Effect, WorkerEvent, WorkerSetup } from './workers/protocol.js'

/** Cases at once: most of a case is waiting for a dead worker's lock. */
const LANES = 4
const LOCK = { ttlMs: 600, renewEveryMs: 150, retries: 80, retryDelayMs: 20 }

/** An order, the queue with its messages, and what its steps did outside. */
interface Order {
  readonly runId: string
  readonly messages: Message[]
  readonly effects: Effect[]
}

const CASES = CLIENTS.flatMap((client) =>
  [true, false].map((pipelining) => ({ ...client, pipelining }))
)

describe.each(CASES)(
  'a worker killed at any point over $client, pipelining: $pipelining',
  ({ pipelining, ...client }) => {
    const prefix = uniquePrefix()
    const orders = new Map<string, Order>()
    let service: Service
    let raw: RawConnection
    let finisher: OrderWorker
    let setup: WorkerSetup

    beforeAll(async () => {
      const url = inject('redisUrl')
      raw = await RawConnection.open(url)
      service = await openService(client, { keyPrefix: prefix })
      setup = {
        client: client.client,
        url,
        service: { keyPrefix: prefix, lock: LOCK, pipelining },
      }
      finisher = await OrderWorker.start(setup, record)
    })

    afterAll(async () => {
      await finisher.process.kill()
      await service.close()
      await raw.close()
    })

    function record(event: WorkerEvent): void {
      if ('added' in event)
        orderOf(event.added.data.runId).messages.push(event.added)
      if ('effect' in event)
        orderOf(event.effect.runId).effects.push(event.effect)
    }

    // The sleeper's message of an engine names its run as well.
    function orderOf(runId: string): Order {
      const known = orders.get(runId)
      if (known) return known
      const order: Order = { runId, messages: [], effects: [] }
      orders.set(runId, order)
      return order
    }

    /** What a queue does: a message whose worker failed or died comes again. */
    async function work(order: Order, worker: OrderWorker): Promise<boolean> {
      let failures = 0
      for (
        let message = order.messages.shift();
        message;
        message = order.messages.shift()
      ) {
        const end = await worker.deliver(message)
        if (end.how === 'done') continue
        order.messages.push(message)
        if (end.how === 'dead') return false
        // A step's first attempt fails; nothing has a reason to fail for ever.
        expect(++failures, end.error).toBeLessThan(5)
      }
      return true
    }

    /**
     * What an operator does for a run that nobody drives any more: the steps
     * that the dead worker had in hand are failed and queued again.
     */
    async function recover(order: Order): Promise<void> {
      const { runId, messages } = order
      for (const step of await service.getRunHistory(runId)) {
        const { stepName, stepId, status } = step
        if (status === 'succeeded') continue
        const latest = await service.getStepState(runId, stepName)
        if (latest.status === 'succeeded') continue
        if (stepName === SLEEP) {
          messages.push(message('pikkuWorkflowSleeper', { runId, stepId }))
        } else if (QUEUED_STEPS.includes(stepName)) {
          if (latest.status === 'running') {
            await service.setStepError(stepId, new Error('its worker died'))
          }
          const rpcName = latest.rpcName!
          messages.push(
            message('pikku-workflow-step-worker', { runId, stepName, rpcName })
          )
        }
      }
      messages.push(message('pikku-workflow-orchestrator', { runId }))
    }

    /** @returns where the worker died, `undefined` if it did not. */
    async function killAt(point: number): Promise<string | undefined> {
      const started = await finisher.ask({ start: 'order' })
      expect(started).toMatchObject({ how: 'done' })
      const order = orderOf((started as { value: string }).value)
      const { runId } = order
      const victim = await OrderWorker.start(
        { ...setup, diesAt: point },
        record
      )
      const survived = await work(order, victim)
      const recorded = (await service.getRunHistory(runId)).filter(
        ({ status }) => status === 'succeeded'
      )
      const effectsBefore = order.effects.length
      await expectStepsAgreeWithHistory(raw, keysOf(prefix), runId)
      if (survived) await victim.process.kill()
      for (let tries = 0; tries < 3; tries++) {
        await work(order, finisher)
        const run = await service.getRun(runId)
        if (run?.status !== 'running') break
        await recover(order)
      }
      const where = `${point}: ${victim.diedAt}`

      // The run is finished, with what its steps gave.
      const run = await service.getRun(runId)
      expect(
        { ...run, history: await service.getRunHistory(runId) },
        where
      ).toMatchObject({ status: 'completed', error: undefined })
      const history = await service.getRunHistory(runId)
      const resultOf = (name: string) =>
        history.findLast(({ stepName }) => stepName === name)?.result
      const names = ['reserve', 'price', 'charge', 'ship']
      expect(run?.output, where).toEqual(names.map(resultOf))
      expect(await service.getRunState(runId), where).toEqual({
        priced: resultOf('price'),
      })
      // No recorded result changed, and no such step was done again.
      for (const step of recorded) expect(history, where).toContainEqual(step)
      const later = order.effects.slice(effectsBefore)
      const repeated = later.filter(({ stepName }) =>
        recorded.some((step) => step.stepName === stepName)
      )
      expect(repeated, where).toEqual([])
      for (const name of names) {
        const times = order.effects.filter(({ stepName }) => stepName === name)
        expect(times.at(-1)?.value, where).toBe(resultOf(name))
        const lost = victim.diedAt !== undefined ? 1 : 0
        expect(times.length, where).toBeLessThanOrEqual(1 + lost)
      }
      await expectStepsAgreeWithHistory(raw, keysOf(prefix), runId)
      return victim.diedAt
    }

    test('another one finishes its run, and nothing recorded changes or repeats', async () => {
      const deaths: string[] = []
      let next = 0
      let survived = false
      const lane = async () => {
        while (!survived) {
          const death = await killAt(next++)
          if (death === undefined) survived = true
          else deaths.push(death)
        }
      }
      await Promise.all(Array.from({ length: LANES }, lane))
      console.log(
        `${client.client}, pipelining ${pipelining}: ${deaths.length} kills`
      )
      expect(deaths.length).toBeGreaterThanOrEqual(100)
    }, 300_000)
  }
)

function message(queueName: string, data: Partial<Message['data']>): Message {
  return { queueName, data: data as Message['data'], options: {} }
}
