import { RedisOutOfMemoryError } from '@pikku/redis'
import { RawConnection, RedisServer } from '@pikku/redis-testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLIENTS, openService, type Service } from '../clients.js'
import { done, EngineHarness } from '../engine/engine-harness.js'

const WIRE = { type: 'test' }

describe.each(CLIENTS)('a Redis without memory over $client', (client) => {
  let server: RedisServer
  let raw: RawConnection
  let service: Service

  beforeAll(async () => {
    server = await RedisServer.start({
      args: ['--maxmemory-policy', 'noeviction'],
    })
    raw = await RawConnection.open(server.url)
    service = await openService(client, {}, server.url)
  })
  afterAll(async () => {
    await service.close()
    await raw.close()
    await server.stop()
  })

  const fill = () => raw.command('CONFIG', 'SET', 'maxmemory', '1')
  const free = () => raw.command('CONFIG', 'SET', 'maxmemory', '0')

  /** Every key with all that is in it. */
  async function contents(): Promise<Record<string, unknown>> {
    const keys = ((await raw.command('KEYS', '*')) as string[]).toSorted()
    const read = async (key: string) => {
      const type = String(await raw.command('TYPE', key))
      const commands: Record<string, string[]> = {
        string: ['GET', key],
        hash: ['HGETALL', key],
        list: ['LRANGE', key, '0', '-1'],
        zset: ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
      }
      const value = await raw.command(...commands[type]!)
      if (type !== 'hash') return [key, value] as const
      // The order of a large hash's fields changes while it is rehashed.
      const flat = value as string[]
      const pairs = flat.flatMap((field, i) =>
        i % 2 === 0 ? [[field, flat[i + 1]] as const] : []
      )
      return [key, Object.fromEntries(pairs)] as const
    }
    return Object.fromEntries(await Promise.all(keys.map(read)))
  }

  test('every write fails with a named error and leaves nothing behind', async () => {
    const runId = await service.createRun('wf', {}, false, 'h', WIRE)
    const pending = await service.insertStepState(runId, 'p', 'rpc', {})
    const running = await service.insertStepState(runId, 'r', 'rpc', {})
    await service.setStepRunning(running.stepId)
    const failed = await service.insertStepState(runId, 'f', 'rpc', {})
    await service.setStepError(failed.stepId, new Error('failed'))
    const writes: Record<string, () => Promise<unknown>> = {
      createRun: () => service.createRun('wf', {}, false, 'h', WIRE),
      updateRunStatus: () => service.updateRunStatus(runId, 'completed', 1),
      insertStep: () => service.insertStepState(runId, 'new', 'rpc', {}),
      schedule: () => service.setStepScheduled(pending.stepId),
      start: () => service.setStepRunning(pending.stepId),
      succeed: () => service.setStepResult(running.stepId, 1),
      fail: () => service.setStepError(running.stepId, new Error('late')),
      child: () => service.setStepChildRunId(running.stepId, 'child'),
      branch: () => service.setBranchTaken(running.stepId, 'left'),
      retry: () => service.createRetryAttempt(failed.stepId, 'running'),
      claim: () => service['claimStepForExecution'](runId, 'p', 'rpc'),
      state: () => service.updateRunState(runId, 'name', 1),
      version: () => service.upsertWorkflowVersion('wf', 'h', {}, 'dsl'),
      lock: () => service.withRunLock(runId, async () => {}),
    }
    const before = await contents()
    await fill()
    for (const [name, write] of Object.entries(writes)) {
      const error: unknown = await write().catch((e: unknown) => e)
      expect(error, name).toBeInstanceOf(RedisOutOfMemoryError)
      expect((error as Error).message, name).toMatch(/^OOM .* of keys? '/)
    }
    expect((await service.getRun(runId))?.status).toBe('running')
    await free()
    expect(await contents()).toEqual(before)
    await service.setStepResult(running.stepId, 'kept')
    expect((await service.getStepState(runId, 'r')).result).toBe('kept')
  })

  test('a lock that is held can be renewed and freed', async () => {
    const locks = await openService(
      client,
      { lock: { ttlMs: 300, renewEveryMs: 50 } },
      server.url
    )
    const runId = await locks.createRun('wf', {}, false, 'h', WIRE)
    const ttls: number[] = []
    await locks.withRunLock(runId, async () => {
      await fill()
      const [lock] = (await raw.command('KEYS', `*:lock:${runId}`)) as string[]
      // It was renewed if it has more time to live than it had before.
      const ttl = async () => Number(await raw.command('PTTL', lock!))
      await expect
        .poll(
          async () => ttls.push(await ttl()) > 1 && ttls.at(-1)! > ttls.at(-2)!,
          {
            interval: 10,
          }
        )
        .toBe(true)
    })
    await free()
    expect(ttls.every((ttl) => ttl > 0)).toBe(true)
    expect(await raw.command('KEYS', `*:lock:${runId}`)).toEqual([])
    await locks.close()
  })

  test('a step that is in hand stays so for longer than its lease', async () => {
    const worker = await openService(client, { stepLeaseMs: 300 }, server.url)
    const runId = await worker.createRun('wf', {}, false, 'h', WIRE)
    await worker.insertStepState(runId, 's', 'rpc', {})
    await worker['claimStepForExecution'](runId, 's', 'rpc')
    await fill()
    const [leases] = (await raw.command('KEYS', '*:index:leases')) as string[]
    const endOf = async () =>
      Number(
        await raw
          .command('ZRANGE', leases!, '0', '0', 'WITHSCORES')
          .then((found) => (found as string[])[1])
      )
    const first = await endOf()
    await expect.poll(endOf, { timeout: 5_000 }).toBeGreaterThan(first + 300)
    await free()
    expect(await worker.recoverOrphanedSteps()).toEqual({ recovered: [] })
    await worker.close()
  })

  test('interrupts a run, which goes on when there is memory again', async () => {
    const engine = await EngineHarness.open(client, {
      queue: true,
      url: server.url,
    })
    engine.step('one', () => 1)
    let filled = false
    engine.step('two', async () => {
      if (!filled) await fill()
      filled = true
      return 2
    })
    engine.workflow('outlasts', async (workflow) => [
      await workflow.do('a', 'one', {}),
      await workflow.do('b', 'two', {}),
    ])
    const id = await engine.start('outlasts')
    const job = engine.queue.take()!
    await engine.runJob(job)
    expect(await engine.run(id)).toMatchObject({ status: 'running' })
    await free()
    await engine.runJob(job)
    expect(await engine.run(id)).toMatchObject({
      status: 'completed',
      output: [1, 2],
    })
    expect(await engine.history(id)).toEqual([done('a', 1), done('b', 2)])
    expect(engine.count('one')).toBe(1)
    await engine.close()
  })
})
