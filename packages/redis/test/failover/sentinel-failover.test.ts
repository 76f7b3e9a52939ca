import {
  RedisLockLostError,
  RedisNotReplicatedError,
  type RedisWorkflowServiceOptions,
} from '@pikku/redis'
import {
  RawConnection,
  RedisSentinels,
  type RedisServer,
} from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Client, CLIENTS, openService, type Service } from '../clients.js'
import { Load, runningStep } from '../load.js'

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
    const load = new Load(service)
    await load.progress(50)
    const [master] = sentinels.servers
    await master!.kill()
    await sentinels.failedOverFrom(master!)
    await load.progress(50)
    await load.stop()
    await load.expectKept(CALL_TIMEOUT_MS)
    expect(load.confirmed.length).toBeGreaterThan(100)
    console.log(`${client.client}: ${load.summary()}`)
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
          service.setStepError(stepId, new Error('too late'))
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
