import { RedisTimeoutError } from '@pikku/redis'
import { KeySchema } from '@pikku/redis-core'
import { RedisCluster, uniquePrefix } from '@pikku/redis-testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { CLIENTS, connectionTo, openService, type Service } from '../clients.js'

const PARTITIONS = 2
const MOVES = 6
const WIRE = { type: 'test' }

describe.each(CLIENTS)('a slot on the move over $client', (client) => {
  const prefix = uniquePrefix()
  const keys = new KeySchema({ prefix, partitions: PARTITIONS })
  let cluster: RedisCluster
  let service: Service

  beforeAll(async () => {
    cluster = await RedisCluster.start()
    service = await openService(
      client,
      { keyPrefix: prefix, partitions: PARTITIONS },
      connectionTo(client, cluster.urls)
    )
  })

  afterAll(async () => {
    await service.close()
    await cluster.stop()
  })

  /** How often the nodes answered a client with an error of this name. */
  async function told(name: string): Promise<number> {
    let count = 0
    for (const { raw } of cluster.masters) {
      const stats = String(await raw.command('INFO', 'errorstats'))
      const [, times] = new RegExp(`errorstat_${name}:count=(\\d+)`).exec(
        stats
      ) ?? [0, 0]
      count += Number(times)
    }
    return count
  }

  async function move(
    key: string,
    halfway?: () => Promise<unknown>
  ): Promise<void> {
    const slot = await cluster.slotOf(key)
    const from = await cluster.ownerOf(slot)
    const at = cluster.masters.indexOf(from)
    const to = cluster.masters[(at + 1) % cluster.masters.length]!
    await cluster.migrateSlot(slot, to, halfway)
  }

  /** A run from its beginning to its end; gives what was recorded. */
  async function work(n: number): Promise<string> {
    const runId = await service.createRun('wf', { n }, false, 'h', WIRE)
    await service.withRunLock(runId, async () => {
      for (const name of ['a', 'b', 'c']) {
        const step = await service.insertStepState(runId, name, 'rpc', {})
        await service.setStepRunning(step.stepId)
        await service.setStepResult(step.stepId, `${name} ${n}`)
      }
      await service.updateRunState(runId, 'n', n)
      await service.updateRunStatus(runId, 'completed', n)
    })
    return runId
  }

  async function expectComplete(runId: string, n: number): Promise<void> {
    const run = await service.getRun(runId)
    expect(run).toMatchObject({ status: 'completed', output: n })
    const history = await service.getRunHistory(runId)
    expect(history.map(({ result }) => result)).toEqual(
      ['a', 'b', 'c'].map((name) => `${name} ${n}`)
    )
    expect(await service.getRunState(runId)).toEqual({ n })
  }

  test('is followed by every call, and no run notices', async () => {
    const moved = new AbortController()
    const done: Array<[runId: string, n: number]> = []
    const load = async (lane: number) => {
      for (let i = 0; !moved.signal.aborted; i++) {
        const n = lane * 100_000 + i
        done.push([await work(n), n])
      }
    }
    const loads = Array.from({ length: 8 }, (_, lane) => load(lane))
    for (let i = 0; i < MOVES; i++) {
      const before = done.length
      await vi.waitUntil(() => done.length >= before + 10, 10_000)
      const [runId] = done.at(-1)!
      await move(keys.runKey(runId))
    }
    moved.abort()
    await Promise.all(loads)
    for (const [runId, n] of done) await expectComplete(runId, n)
    expect(await told('MOVED')).toBeGreaterThan(0)
  })

  test('can be read in the middle, and written when it has arrived', async () => {
    const runId = await work(1)
    const { stepId } = await service.insertStepState(runId, 'late', 'rpc', {})
    const asked = await told('ASK')
    const refused = await told('TRYAGAIN')
    let written: Promise<void> | undefined
    await move(keys.runKey(runId), async () => {
      // Of the run's five keys some are here and some are there.
      await expectRead()
      written = service.setStepResult(stepId, 'late')
      await vi.waitUntil(async () => (await told('TRYAGAIN')) > refused)
    })
    await written
    expect(await told('ASK')).toBeGreaterThan(asked)
    const step = await service.getStepState(runId, 'late')
    expect(step).toMatchObject({ status: 'succeeded', result: 'late' })

    async function expectRead(): Promise<void> {
      const [run, history, state] = await Promise.all([
        service.getRun(runId),
        service.getRunHistory(runId),
        service.getRunState(runId),
      ])
      expect(run).toMatchObject({ status: 'completed', output: 1 })
      expect(history).toHaveLength(4)
      expect(state).toEqual({ n: 1 })
    }
  })

  test('that is on its way for too long fails calls in their time, and keeps the run', async () => {
    const runId = await work(2)
    const { stepId } = await service.insertStepState(runId, 'late', 'rpc', {})
    const hurried = await openService(
      client,
      { keyPrefix: prefix, partitions: PARTITIONS, callTimeoutMs: 300 },
      connectionTo(client, cluster.urls)
    )
    await move(keys.runKey(runId), async () => {
      const startedAt = performance.now()
      await expect(
        hurried.setStepResult(stepId, 'late')
      ).rejects.toBeInstanceOf(RedisTimeoutError)
      expect(performance.now() - startedAt).toBeLessThan(1_000)
    })
    await hurried.setStepResult(stepId, 'late')
    const step = await service.getStepState(runId, 'late')
    expect(step).toMatchObject({ status: 'succeeded', result: 'late' })
    await hurried.close()
  })
})
