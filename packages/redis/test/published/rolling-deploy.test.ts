import { RedisWorkflowService as Published } from '@pikku/redis-published'
import { uniquePrefix } from '@pikku/redis-testing'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  test,
} from 'vitest'
import { CLIENTS, openService, type Service } from '../clients.js'
import { EngineHarness } from '../engine/engine-harness.js'

const WIRE = { type: 'test' }

/** The store published today, its real code from npm, beside this one. */
describe.each(CLIENTS)('a rolling deploy from 0.12.18 to $client', (client) => {
  const keyPrefix = uniquePrefix('rolling')
  let ours: Service
  let published: Published

  beforeAll(async () => {
    ours = await openService(client, {
      keyPrefix,
      lock: { retries: 2, retryDelayMs: 10 },
    })
    published = new Published(inject('redisUrl'), keyPrefix, {
      wireQueues: false,
    } as never)
  })

  afterAll(async () => {
    await ours.close()
    await published.close()
  })

  const start = async () => {
    const id = await published.createRun('wf', { n: 1 }, true, 'h', WIRE)
    const done = await published.insertStepState(id, 'done', 'rpc', {})
    await published.setStepResult(done.stepId, { kept: [] })
    const open = await published.insertStepState(id, 'a:b', 'rpc', {})
    await published.updateRunState(id, 'x', { y: 1 })
    return { id, done, open }
  }

  test('a run that 0.12 started is read, finished and read back by it', async () => {
    const { id, done, open } = await start()
    expect((await ours.getRun(id))?.input).toEqual({ n: 1 })
    expect(await ours.getRunState(id)).toEqual({ x: { y: 1 } })
    const replayed = await ours.insertStepState(id, 'done', 'rpc', {})
    expect(replayed).toMatchObject({
      stepId: done.stepId,
      status: 'succeeded',
      result: { kept: [] },
    })
    await ours.setStepRunning(open.stepId)
    await ours.setStepResult(open.stepId, 'finished')
    await ours.updateRunStatus(id, 'completed', 'out')
    expect(await published.getRun(id)).toMatchObject({
      status: 'completed',
      output: 'out',
    })
    const step = await published.getStepState(id, 'a:b')
    expect(step).toMatchObject({ status: 'succeeded', result: 'finished' })
  })

  test('a step of 0.12 enters the history when it is next touched', async () => {
    const { id } = await start()
    expect(await ours.getRunHistory(id)).toEqual([])
    await ours.insertStepState(id, 'done', 'rpc', {})
    await ours.insertStepState(id, 'done', 'rpc', {})
    const history = await ours.getRunHistory(id)
    expect(history).toHaveLength(1)
    expect(history[0]).toMatchObject({ stepName: 'done', status: 'succeeded' })
  })

  test('the two exclude each other from a run', async () => {
    const { id } = await start()
    await published.withRunLock(id, async () => {
      const attempt = ours.withRunLock(id, async () => 'in')
      await expect(attempt).rejects.toThrow(/held by another owner/)
    })
    await ours.withRunLock(id, async () => {
      const attempt = published.withRunLock(id, async () => 'in')
      await expect(attempt).rejects.toThrow(/Failed to acquire lock/)
    })
    expect(await ours.withRunLock(id, async () => 'in')).toBe('in')
  })
})

describe.each(CLIENTS)('a driver of runs of 0.12.18 over $client', (client) => {
  let engine: EngineHarness
  let published: Published
  let ran: string[]
  const names = ['one', 'two', 'three', 'four', 'five']

  beforeEach(async () => {
    engine = await EngineHarness.open(client)
    published = new Published(inject('redisUrl'), engine.prefix, {
      wireQueues: false,
    } as never)
    ran = []
    engine.workflow('w', async (workflow) => {
      const results: unknown[] = []
      for (const name of names) {
        const step = async () => ran.push(name)
        results.push(await workflow.do(name, step))
      }
      return results
    })
  })

  afterEach(async () => {
    await engine.close()
    await published.close()
  })

  const finish = async (runId: string, stepName: string) => {
    const step = await published.insertStepState(runId, stepName, null, null)
    await published.setStepResult(step.stepId, `of 0.12: ${stepName}`)
  }
  const drive = async (id: string) => {
    await engine.service.runWorkflowJob(id, engine.rpc)
    expect((await engine.run(id)).status).toBe('completed')
  }

  test('goes on behind the steps that are recorded', async () => {
    const id = await published.createRun('w', {}, true, 'w-1', WIRE)
    await finish(id, 'one')
    await finish(id, 'two')
    await drive(id)
    expect(ran).toEqual(['three', 'four', 'five'])
  })

  test('goes on behind steps that 0.12 adds to a run that is ours', async () => {
    const id = await engine.service.createRun('w', {}, true, 'w-1', WIRE)
    for (const name of names.slice(0, 4)) await finish(id, name)
    await drive(id)
    expect(ran).toEqual(['five'])
  })
})
