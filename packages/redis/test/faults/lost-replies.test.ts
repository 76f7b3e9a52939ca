import { FaultProxy } from '@pikku/redis-core/testing'
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  test,
} from 'vitest'
import { CLIENTS, openService, type Service, testPrefix } from '../clients.js'

const WIRE = { type: 'test' }

describe.each(CLIENTS)('a reply that was lost over $client', (client) => {
  let proxy: FaultProxy
  /** Its replies get lost. */
  let service: Service
  /** Looks at what is there. */
  let direct: Service
  let runId: string

  beforeAll(async () => {
    const { hostname, port } = new URL(inject('redisUrl'))
    proxy = await FaultProxy.start({ host: hostname, port: Number(port) })
    const keyPrefix = testPrefix('lost')
    service = await openService(client, { keyPrefix }, proxy.url)
    direct = await openService(client, { keyPrefix })
    await loadScripts()
  })

  afterAll(async () => {
    await service.close()
    await direct.close()
    await proxy.close()
  })

  beforeEach(async () => {
    runId = await direct.createRun('wf', {}, true, 'h', WIRE)
  })

  /** Otherwise it is the reply `NOSCRIPT` that gets lost. */
  async function loadScripts(): Promise<void> {
    runId = await direct.createRun('wf', {}, true, 'h', WIRE)
    await direct.withRunLock(runId, async () => {
      const { stepId } = await insert()
      await direct['claimStepForExecution'](runId, 's', 'rpc')
      await direct.setStepError(stepId, new Error('first'))
      await direct.createRetryAttempt(stepId, 'running')
      await direct.setStepResult(stepId, 1)
      await direct.updateRunState(runId, 'x', 1)
      await direct.updateRunStatus(runId, 'completed', 1)
    })
  }

  /** The call, with the first reply that names the run lost on its way. */
  async function losing<T>(call: () => Promise<T>): Promise<T> {
    const lost = proxy.loseReplyTo(runId)
    const result = await call()
    await lost
    return result
  }

  const insert = () => direct.insertStepState(runId, 's', 'rpc', {})
  const step = () => direct.getStepState(runId, 's')
  const history = () => direct.getRunHistory(runId)

  test('of an insert: the step is there once, with the id that is given', async () => {
    const inserted = await losing(() =>
      service.insertStepState(runId, 's', 'rpc', {})
    )
    expect(inserted.stepId).toBe((await step()).stepId)
    expect(await history()).toHaveLength(1)
  })

  test('of a claim: the winner is told that it won, and keeps the step in hand', async () => {
    await insert()
    const held = service['leasesHeld']
    const claim = (of: Service) =>
      of['claimStepForExecution'](runId, 's', 'rpc')
    expect(await losing(() => claim(service))).toMatchObject({
      status: 'running',
      attemptCount: 1,
    })
    expect(await claim(direct)).toBeNull()
    expect(service['leasesHeld']).toBe(held + 1)
  })

  test('of a claim of a failed step: it has one attempt more, not two', async () => {
    const { stepId } = await insert()
    await direct.setStepError(stepId, new Error('first'))
    const claimed = await losing(() =>
      service['claimStepForExecution'](runId, 's', 'rpc')
    )
    expect(claimed).toMatchObject({ status: 'running', attemptCount: 2 })
    expect(await history()).toHaveLength(2)
  })

  test('of a retry: the winner gets its attempt, and no conflict', async () => {
    const { stepId } = await insert()
    await direct.setStepError(stepId, new Error('first'))
    const retried = await losing(() =>
      service.createRetryAttempt(stepId, 'running')
    )
    expect(retried).toMatchObject({ status: 'running', attemptCount: 2 })
    expect(await history()).toHaveLength(2)
  })

  test('of a result: it is recorded once', async () => {
    const { stepId } = await insert()
    await losing(() => service.setStepResult(stepId, { n: 1 }))
    const { createdAt, succeededAt, ...rest } = await step()
    expect(rest).toMatchObject({ status: 'succeeded', result: { n: 1 } })
    expect(succeededAt!.getTime()).toBeGreaterThan(createdAt.getTime())
    expect(await history()).toHaveLength(1)
  })

  test('of an error: the attempt fails once, and a retry is not failed by it', async () => {
    const { stepId } = await insert()
    await losing(() => service.setStepError(stepId, new Error('first')))
    await direct.createRetryAttempt(stepId, 'running')
    expect(await step()).toMatchObject({ status: 'running', attemptCount: 2 })
    expect((await history()).map(({ error }) => error?.message)).toEqual([
      'first',
      undefined,
    ])
  })

  test('of a status: the run ends, and is not said to be late', async () => {
    await losing(() => service.updateRunStatus(runId, 'completed', 1))
    const run = await direct.getRun(runId)
    expect(run).toMatchObject({ status: 'completed', output: 1 })
  })

  test('of a variable: it has the value', async () => {
    await losing(() => service.updateRunState(runId, 'x', [1]))
    expect(await direct.getRunState(runId)).toEqual({ x: [1] })
  })

  test('of several transitions of a driver: each is made once', async () => {
    const held = service['leasesHeld']
    await service.withRunLock(runId, async () => {
      await service['listStepStates'](runId)
      const one = await service.insertStepState(runId, 'one', 'rpc', {})
      await losing(() => service.setStepRunning(one.stepId))
      await service.setStepResult(one.stepId, 1)
      const two = await service.insertStepState(runId, 'two', 'rpc', {})
      await losing(() => service.setStepRunning(two.stepId))
      expect(service['leasesHeld']).toBe(held + 1)
    })
    const recorded = await history()
    expect(recorded.map(({ stepName, status }) => [stepName, status])).toEqual([
      ['one', 'succeeded'],
      ['two', 'running'],
    ])
    const stamps = recorded.map(({ runningAt }) => Number(runningAt))
    expect(stamps[0]).toBeLessThan(stamps[1]!)
  })

  test('of the run lock: it is held, and free again afterwards', async () => {
    const result = await losing(() => service.withRunLock(runId, async () => 7))
    expect(result).toBe(7)
    expect(await direct.withRunLock(runId, async () => 8)).toBe(8)
  })

  test('of a driver that takes the lock: it has the run, and the lock is free afterwards', async () => {
    // Nobody knows the workflow: that much of the run was read.
    await losing(() =>
      expect(service.runWorkflowJob(runId, {} as never)).rejects.toThrow(
        "Missing generated metadata for workflow 'wf'"
      )
    )
    expect(await direct.withRunLock(runId, async () => 8)).toBe(8)
  })
})
