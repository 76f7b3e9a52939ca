import {
  RedisArgumentError,
  RedisRunNotFoundError,
  RedisSerializationError,
  RedisStepConflictError,
  RedisStepNotFoundError,
  RedisVersionNotFoundError,
} from '@pikku/redis'
import type { RawRedis } from '@pikku/redis-testing'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  CLIENTS,
  openRaw,
  openService,
  type Service,
  testPrefix,
} from '../clients.js'

const WIRE = { type: 'test' }

describe.each(CLIENTS)('transitions over $client', (client) => {
  let service: Service
  let raw: RawRedis
  let runId: string
  let prefix: string

  beforeAll(async () => {
    raw = await openRaw()
    prefix = testPrefix('transitions')
    service = await openService(client, { keyPrefix: prefix })
  })

  afterAll(async () => {
    await service.close()
    await raw.close()
  })

  beforeEach(async () => {
    runId = await service.createRun('orders', { n: 1 }, false, 'h1', WIRE)
  })

  const insert = (name = 'step', options?: { retries?: number }) =>
    service.insertStepState(runId, name, 'rpc', { x: 1 }, options)

  test('a step that is inserted again keeps its id, status and result', async () => {
    const step = await insert()
    await service.setStepResult(step.stepId, { done: true })
    const again = await insert()
    expect(again.stepId).toBe(step.stepId)
    expect(again.status).toBe('succeeded')
    expect(again.result).toEqual({ done: true })
    expect(await service.getRunHistory(runId)).toHaveLength(1)
  })

  test('concurrent inserts of one step make one step', async () => {
    const steps = await Promise.all(Array.from({ length: 20 }, () => insert()))
    expect(new Set(steps.map(({ stepId }) => stepId)).size).toBe(1)
    expect(await service.getRunHistory(runId)).toHaveLength(1)
  })

  test('a succeeded step ignores a late error, running, scheduled and result', async () => {
    const { stepId } = await insert()
    await service.setStepRunning(stepId)
    await service.setStepResult(stepId, 'first')
    const before = await service.getStepState(runId, 'step')
    await service.setStepError(stepId, new Error('late'))
    await service.setStepRunning(stepId)
    await service.setStepScheduled(stepId)
    await service.setStepResult(stepId, 'second')
    await expect(
      service.createRetryAttempt(stepId, 'running')
    ).rejects.toBeInstanceOf(RedisStepConflictError)
    expect(await service.getStepState(runId, 'step')).toEqual(before)
    expect(before.result).toBe('first')
  })

  test('a step that runs is not taken back by a late scheduled', async () => {
    const { stepId } = await insert()
    await service.setStepRunning(stepId)
    await service.setStepScheduled(stepId)
    const step = await service.getStepState(runId, 'step')
    expect(step.status).toBe('running')
    expect(step.scheduledAt).toBeUndefined()
  })

  test('of many concurrent retries exactly one gets the attempt', async () => {
    const { stepId } = await insert()
    await service.setStepError(stepId, new Error('boom'))
    const retries = await Promise.allSettled(
      Array.from({ length: 20 }, () =>
        service.createRetryAttempt(stepId, 'running')
      )
    )
    const won = retries.filter(({ status }) => status === 'fulfilled')
    expect(won).toHaveLength(1)
    for (const retry of retries) {
      if (retry.status === 'fulfilled') continue
      expect(retry.reason).toBeInstanceOf(RedisStepConflictError)
      expect(retry.reason.message).toContain(runId)
    }
    expect(await service.getRunHistory(runId)).toHaveLength(2)
  })

  test('a retry that starts running says so everywhere, without the old error', async () => {
    const { stepId } = await insert()
    await service.setStepError(stepId, new Error('boom'))
    const retry = await service.createRetryAttempt(stepId, 'running')
    expect(retry.status).toBe('running')
    expect(retry.attemptCount).toBe(2)
    expect(retry.runningAt).toBeInstanceOf(Date)
    expect(retry.error).toBeUndefined()
    const [first, second] = await service.getRunHistory(runId)
    expect(first).toMatchObject({ status: 'failed', attemptCount: 1 })
    expect(first?.error?.message).toBe('boom')
    expect(second).toEqual({ ...retry, stepName: 'step' })
  })

  test('of many concurrent claims exactly one wins, also over two services', async () => {
    const other = await openService(client, { keyPrefix: prefix })
    await insert('claimed')
    const claim = (by: Service) =>
      by['claimStepForExecution'](runId, 'claimed', 'rpc')
    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, i) => claim(i % 2 ? service : other))
    )
    expect(claims.filter((step) => step !== null)).toHaveLength(1)
    expect(claims.find((step) => step !== null)?.status).toBe('running')
    await other.close()
  })

  test('a claim gives a failed step its next attempt, and a finished one to nobody', async () => {
    const { stepId } = await insert()
    await service.setStepError(stepId, new Error('boom'))
    const claimed = await service['claimStepForExecution'](runId, 'step', 'rpc')
    expect(claimed).toMatchObject({ status: 'running', attemptCount: 2 })
    await service.setStepResult(stepId, 1)
    expect(await service['claimStepForExecution'](runId, 'step', 'rpc')).toBe(
      null
    )
    await expect(
      service['claimStepForExecution'](runId, 'step', 'other')
    ).rejects.toThrow(/different function/)
  })

  test('a run that has ended keeps its first end', async () => {
    await service.updateRunStatus(runId, 'cancelled', undefined, {
      message: 'stop',
    })
    await service.updateRunStatus(runId, 'completed', { late: true })
    await service.updateRunStatus(runId, 'suspended')
    const run = await service.getRun(runId)
    expect(run?.status).toBe('cancelled')
    expect(run?.output).toBeUndefined()
    expect(run?.error).toEqual({ message: 'stop' })
  })

  test('a run that goes on after it was suspended loses the error of that', async () => {
    const error = { message: 'waiting', code: 'WORKFLOW_SUSPENDED' }
    await service.updateRunStatus(runId, 'suspended', undefined, error)
    await service.updateRunStatus(runId, 'completed', 1)
    expect((await service.getRun(runId))?.error).toBeUndefined()
  })

  test('no write creates a run, a step or a version that does not exist', async () => {
    const gone = crypto.randomUUID()
    const stepId = `${gone}:step:token`
    const writes = [
      () => service.updateRunStatus(gone, 'completed'),
      () => service.insertStepState(gone, 'step', 'rpc', {}),
      () => service.setStepRunning(stepId),
      () => service.setStepScheduled(stepId),
      () => service.setStepResult(stepId, 1),
      () => service.setStepError(stepId, new Error('x')),
      () => service.setStepChildRunId(stepId, 'child'),
      () => service.setBranchTaken(stepId, 'left'),
      () => service.createRetryAttempt(stepId, 'pending'),
      () => service.updateRunState(gone, 'name', 1),
    ]
    for (const write of writes) {
      await expect(write()).rejects.toBeInstanceOf(RedisRunNotFoundError)
      await expect(write()).rejects.toThrow(gone)
    }
    await expect(
      service.setStepResult(`${runId}:nothing:token`, 1)
    ).rejects.toBeInstanceOf(RedisStepNotFoundError)
    await expect(
      service.updateWorkflowVersionStatus('none', 'none', 'active')
    ).rejects.toBeInstanceOf(RedisVersionNotFoundError)
    expect(await raw.command('KEYS', `${prefix}:*${gone}*`)).toEqual([])
    expect(await raw.command('KEYS', `${prefix}:*nothing*`)).toEqual([])
  })

  test('history entries agree with the step hashes, field by field', async () => {
    for (const name of ['a', 'b', 'c']) {
      const { stepId } = await insert(name, { retries: 2 })
      await service.setStepScheduled(stepId)
      await service.setStepRunning(stepId)
      await service.setStepChildRunId(stepId, `child-${name}`)
      if (name === 'b') await service.setStepError(stepId, new Error('b'))
      if (name === 'c') await service.setStepResult(stepId, [])
    }
    for (const entry of await service.getRunHistory(runId)) {
      const { stepName, ...state } = entry
      expect(state).toEqual(await service.getStepState(runId, stepName))
      expect(state.childRunId).toBe(`child-${stepName}`)
    }
  })

  test('stamps of one run strictly increase, also under concurrency', async () => {
    const finish = async (name: string) => {
      const { stepId } = await insert(name)
      await service.setStepRunning(stepId)
      await service.setStepResult(stepId, name)
    }
    await Promise.all(Array.from({ length: 30 }, (_, i) => finish(`s${i}`)))
    const stamps = (await service.getRunHistory(runId)).flatMap((entry) => [
      entry.createdAt.getTime(),
      entry.runningAt?.getTime(),
      entry.succeededAt?.getTime(),
    ])
    expect(new Set(stamps).size).toBe(90)
    const created = (await service.getRunHistory(runId)).map(({ createdAt }) =>
      createdAt.getTime()
    )
    expect(created).toEqual(created.toSorted((a, b) => a - b))
  })

  test('two branches that set different variables both survive', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        service.updateRunState(runId, `v${i}`, { i })
      )
    )
    const state = await service.getRunState(runId)
    expect(Object.keys(state)).toHaveLength(20)
    expect(state['v7']).toEqual({ i: 7 })
  })

  test('an error keeps its message, stack, code and name', async () => {
    const { stepId } = await insert()
    const error = Object.assign(new TypeError('boom'), { code: 'E_CARD' })
    await service.setStepError(stepId, error)
    const step = await service.getStepState(runId, 'step')
    expect(step.error).toEqual({
      message: 'boom',
      stack: error.stack,
      code: 'E_CARD',
      name: 'TypeError',
    })
  })

  test('a result without a JSON form is refused and the step can still end', async () => {
    const { stepId } = await insert()
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    for (const bad of [cycle, 1n, () => 1, Symbol('s')]) {
      const write = service.setStepResult(stepId, bad)
      await expect(write).rejects.toBeInstanceOf(RedisSerializationError)
      await expect(write).rejects.toThrow(runId)
    }
    await service.setStepResult(stepId, 'fine')
    expect((await service.getStepState(runId, 'step')).result).toBe('fine')
  })

  test('an id that is not a step id is refused before anything is sent', async () => {
    for (const bad of ['', 'x', 'a:b', undefined as unknown as string]) {
      await expect(service.setStepRunning(bad)).rejects.toBeInstanceOf(
        RedisArgumentError
      )
    }
  })
})
