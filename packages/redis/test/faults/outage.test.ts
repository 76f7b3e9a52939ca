import { RedisRunInterruptedError, RedisTimeoutError } from '@pikku/redis'
import { RawConnection, RedisServer } from '@pikku/redis-testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CLIENTS } from '../clients.js'
import { done, EngineHarness } from '../engine/engine-harness.js'

const CALL_TIMEOUT_MS = 400

describe.each(CLIENTS)('an outage of Redis over $client', (client) => {
  let server: RedisServer
  let engine: EngineHarness

  beforeAll(async () => {
    server = await RedisServer.start()
  })
  afterAll(() => server.stop())
  afterEach(async () => {
    server.resume()
    await engine.close()
  })

  const open = async (queue: boolean) => {
    engine = await EngineHarness.open(client, {
      queue,
      url: server.url,
      service: {
        callTimeoutMs: CALL_TIMEOUT_MS,
        lock: { ttlMs: 600, retries: 40, retryDelayMs: 50 },
      },
    })
    engine.step('one', () => 1)
    let paused = false
    engine.step('two', () => {
      // The result of this step is what Redis does not take.
      if (!paused) server.pause()
      paused = true
      return 2
    })
    engine.workflow('outlasts', async (workflow) => [
      await workflow.do('a', 'one', {}),
      await workflow.do('b', 'two', {}),
    ])
  }

  test('interrupts a run, which goes on when its message comes again', async () => {
    await open(true)
    const id = await engine.start('outlasts')
    const job = engine.queue.take()!
    await engine.runJob(job)
    server.resume()
    expect(engine.jobErrors).toEqual([
      expect.stringContaining(`Run '${id}' was interrupted`),
    ])
    expect(await engine.run(id)).toMatchObject({ status: 'running' })
    await engine.runJob(job)
    expect(await engine.run(id)).toMatchObject({
      status: 'completed',
      output: [1, 2],
    })
    expect(await engine.history(id)).toEqual([done('a', 1), done('b', 2)])
    expect(engine.count('one')).toBe(1)
  })

  test('without a queue tells the caller, and leaves a run that can be resumed', async () => {
    await open(false)
    let id = ''
    const wire = { type: 'test' }
    const { service, rpc } = engine
    const started = service.startWorkflow('outlasts', {}, wire, rpc, {
      onRunCreated: (runId) => {
        id = runId
      },
    })
    const error: unknown = await started.catch((e: unknown) => e)
    server.resume()
    expect(error).toBeInstanceOf(RedisRunInterruptedError)
    expect(error).toMatchObject({ runId: id, code: 'REDIS_RUN_INTERRUPTED' })
    const cause = (error as Error).cause
    expect(cause).toBeInstanceOf(RedisTimeoutError)
    expect((cause as Error).message).toContain(`:step:${id}:b`)
    expect(await engine.run(id)).toMatchObject({ status: 'running' })
    await service.runWorkflowJob(id, rpc)
    expect(await engine.run(id)).toMatchObject({ status: 'completed' })
    expect(engine.count('one')).toBe(1)
  })

  test('ends calls at their deadline, and a late claim takes nothing', async () => {
    await open(true)
    const { service } = engine
    const wire = { type: 'test' }
    const runId = await service.createRun('wf', {}, false, 'h', wire)
    await service.insertStepState(runId, 's', 'one', {})
    server.pause()
    const startedAt = performance.now()
    const claim = service['claimStepForExecution'](runId, 's', 'one')
    await expect(claim).rejects.toBeInstanceOf(RedisTimeoutError)
    const tookMs = performance.now() - startedAt
    expect(tookMs).toBeGreaterThan(CALL_TIMEOUT_MS - 50)
    expect(tookMs).toBeLessThan(CALL_TIMEOUT_MS + 500)
    server.resume()
    // The claim is on its way still, in front of this on the same connection.
    expect(await service.getStepState(runId, 's')).toMatchObject({
      status: 'pending',
      attemptCount: 1,
    })
    expect(
      await service['claimStepForExecution'](runId, 's', 'one')
    ).toMatchObject({ status: 'running' })
  })

  test('a server that restarts with its log is waited for', async () => {
    const durable = await RedisServer.start({
      args: ['--appendonly', 'yes', '--appendfsync', 'always'],
    })
    engine = await EngineHarness.open(client, { url: durable.url })
    let restarted: Promise<void> | undefined
    engine.step('restarts', () => {
      restarted = durable.restart()
      return 'recorded'
    })
    engine.workflow('restarted', (workflow) => workflow.do('r', 'restarts', {}))
    const id = await engine.start('restarted')
    await restarted
    expect(await engine.run(id)).toMatchObject({
      status: 'completed',
      output: 'recorded',
    })
    expect(engine.count('restarts')).toBe(1)
    const raw = await RawConnection.open(durable.url)
    expect(await raw.command('DBSIZE')).toBeGreaterThan(0)
    await raw.close()
    await engine.close()
    await durable.stop()
  })
})
