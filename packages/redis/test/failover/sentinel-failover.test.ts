import {
  RedisError,
  RedisLockLostError,
  RedisNotReplicatedError,
  type RedisWorkflowServiceOptions,
} from '@pikku/redis'
import {
  RawConnection,
  RedisSentinels,
  type RedisServer,
} from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Client, CLIENTS, openService, type Service } from '../clients.js'

const WIRE = { type: 'test' }
const DURABLE = { durability: { replicas: 1, timeoutMs: 500 } }
const CALL_TIMEOUT_MS = 15_000

function viaSentinels({ client }: Client, sentinels: RedisSentinels): unknown {
  const { name, addresses } = sentinels
  return client === 'ioredis'
    ? { name, sentinels: addresses }
    : { name, sentinelRootNodes: addresses }
}

describe.each(CLIENTS)('a failover by sentinels over $client', (client) => {
  let sentinels: RedisSentinels
  let opened: Service[]

  const start = async (replicas: number) => {
    sentinels = await RedisSentinels.start({ replicas })
  }

  const open = async (options: RedisWorkflowServiceOptions = {}) => {
    const service = await openService(
      client,
      { callTimeoutMs: CALL_TIMEOUT_MS, keyPrefix: 'failover', ...options },
      viaSentinels(client, sentinels)
    )
    opened.push(service)
    return service
  }

  beforeEach(() => {
    opened = []
  })

  afterEach(async () => {
    await Promise.all(opened.map((service) => service.close()))
    await sentinels.stop()
  })

  /** A run with a step that runs, recorded by every server. */
  async function runningStep(service: Service) {
    const runId = await service.createRun('wf', {}, false, 'h', WIRE)
    const { stepId } = await service.insertStepState(runId, 's', 'rpc', {})
    await service.setStepRunning(stepId)
    return { runId, stepId }
  }

  /** The replica stops, and nothing is left for it on its way. */
  async function cutOff(replica: RedisServer): Promise<void> {
    replica.pause()
    const raw = await RawConnection.open(sentinels.servers[0]!.url)
    await raw.command('CLIENT', 'KILL', 'TYPE', 'replica')
    await raw.close()
  }

  /** The master goes, and a replica that had stopped listening follows. */
  async function failOver(paused: RedisSentinels['servers']): Promise<void> {
    const [master] = sentinels.servers
    await master!.kill()
    for (const server of paused) server.resume()
    await sentinels.failedOverFrom(master!)
  }

  test('under load: calls end in time, and no result that was confirmed by a replica is lost', async () => {
    await start(2)
    const service = await open(DURABLE)
    const confirmed: Array<[runId: string, value: string]> = []
    const errors: unknown[] = []
    const over = new AbortController()
    let slowestMs = 0
    const work = async (lane: number) => {
      for (let n = 0; !over.signal.aborted; n++) {
        const startedAt = performance.now()
        try {
          const { runId, stepId } = await runningStep(service)
          await service.setStepResult(stepId, `${lane} ${n}`)
          confirmed.push([runId, `${lane} ${n}`])
        } catch (error) {
          errors.push(error)
        }
        slowestMs = Math.max(slowestMs, performance.now() - startedAt)
      }
    }
    const load = Array.from({ length: 8 }, (_, lane) => work(lane))
    await vi.waitUntil(() => confirmed.length >= 50, 10_000)
    const [master] = sentinels.servers
    await master!.kill()
    await sentinels.failedOverFrom(master!)
    const before = confirmed.length
    await vi.waitUntil(() => confirmed.length >= before + 50, 30_000)
    over.abort()
    await Promise.all(load)

    // Four calls each.
    expect(slowestMs).toBeLessThan(4 * CALL_TIMEOUT_MS + 1_000)
    expect(errors.filter((error) => !(error instanceof RedisError))).toEqual([])
    for (const [runId, value] of confirmed) {
      const step = await service.getStepState(runId, 's')
      expect(step).toMatchObject({ status: 'succeeded', result: value })
    }
    console.log(
      `${client.client}: ${confirmed.length} results kept, ` +
        `${errors.length} calls ended in a named error`
    )
  }, 120_000)

  test('loses a result that no replica had, without durability', async () => {
    await start(1)
    const service = await open()
    const { runId, stepId } = await runningStep(service)
    const [, replica] = sentinels.servers
    await service.setStepRunning(stepId)
    await replicated()
    await cutOff(replica!)
    await service.setStepResult(stepId, 'recorded')
    await failOver([replica!])
    const step = await service.getStepState(runId, 's')
    expect(step).toMatchObject({ status: 'running', result: undefined })
  }, 60_000)

  test('with durability that result is an error instead, and nobody acts on it', async () => {
    await start(1)
    const service = await open(DURABLE)
    const { runId, stepId } = await runningStep(service)
    const [, replica] = sentinels.servers
    await cutOff(replica!)
    const recorded = service.setStepResult(stepId, 'recorded')
    await expect(recorded).rejects.toBeInstanceOf(RedisNotReplicatedError)
    await failOver([replica!])
    const step = await service.getStepState(runId, 's')
    expect(step).toMatchObject({ status: 'running', result: undefined })
  }, 60_000)

  test('a lock that it lost fences its holder', async () => {
    await start(1)
    const service = await open()
    const other = await open()
    const { runId, stepId } = await runningStep(service)
    const [, replica] = sentinels.servers
    await replicated()
    await cutOff(replica!)
    const outcome = service.withRunLock(runId, async () => {
      await failOver([replica!])
      // The new master knows nothing of this lock: somebody else gets it.
      await other.withRunLock(runId, async () => {
        await expect(
          service.setStepResult(stepId, 'too late')
        ).rejects.toBeInstanceOf(RedisLockLostError)
        await other.setStepResult(stepId, 'in time')
      })
    })
    await expect(outcome).rejects.toBeInstanceOf(RedisLockLostError)
    const step = await other.getStepState(runId, 's')
    expect(step).toMatchObject({ status: 'succeeded', result: 'in time' })
  }, 60_000)

  /** Until the replica has all that was written so far. */
  async function replicated(): Promise<void> {
    const durable = await open(DURABLE)
    await runningStep(durable)
  }
})
