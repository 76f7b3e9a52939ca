import { RedisLockLostError, RedisLockTimeoutError } from '@pikku/redis'
import type { RawRedis } from '@pikku/redis-testing'
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
  vi,
} from 'vitest'
import {
  CLIENTS,
  keysOf,
  openRaw,
  openService,
  type Service,
  testPrefix,
} from '../clients.js'

describe.each(CLIENTS)('the run lock over $client', (client) => {
  const keyPrefix = testPrefix('fencing')
  let service: Service
  let raw: RawRedis
  let runId: string
  let stepId: string

  beforeAll(async () => {
    raw = await openRaw()
    service = await openService(client, {
      keyPrefix,
      lock: { ttlMs: 300, renewEveryMs: 20, retries: 2, retryDelayMs: 5 },
    })
  })

  afterAll(async () => {
    await service.close()
    await raw.close()
  })

  beforeEach(async () => {
    runId = await service.createRun('wf', {}, true, 'h', { type: 'test' })
    stepId = (await service.insertStepState(runId, 's', null, {})).stepId
  })

  const takeOver = () =>
    raw.command('SET', keysOf(keyPrefix).lockKey(runId), 'another owner')

  test('who lost the lock writes nothing, and that is the outcome', async () => {
    const writes = [
      () => service.setStepRunning(stepId),
      () => service.setStepResult(stepId, 1),
      () => service.setStepError(stepId, new Error('x')),
      () => service.insertStepState(runId, 'new', null, {}),
      () => service.updateRunState(runId, 'x', 1),
      () => service.updateRunStatus(runId, 'completed'),
    ]
    const outcome = service.withRunLock(runId, async () => {
      await takeOver()
      for (const write of writes) {
        await expect(write()).rejects.toBeInstanceOf(RedisLockLostError)
      }
      await service.setStepResult(stepId, 'never')
    })
    await expect(outcome).rejects.toBeInstanceOf(RedisLockLostError)
    expect((await service.getRun(runId))?.status).toBe('running')
    expect(await service.getRunState(runId)).toEqual({})
    const history = await service.getRunHistory(runId)
    expect(history.map(({ status }) => status)).toEqual(['pending'])
  })

  test('what a body that lost the lock left behind writes nothing either', async () => {
    const parent = await service.createRun('wf', {}, true, 'h', {
      type: 'test',
    })
    const p = (await service.insertStepState(parent, 'p', null, {})).stepId
    const other = (await service.insertStepState(runId, 't', null, {})).stepId
    let left: Promise<unknown> = Promise.resolve()
    await service.withRunLock(parent, async () => {
      const child = service.withRunLock(runId, async () => {
        await takeOver()
        const refused = service.setStepRunning(stepId)
        await expect(refused).rejects.toBeInstanceOf(RedisLockLostError)
        // Under way while the other write waits for it, and the body ends.
        await service.setStepResult(p, 1)
        left = service.setStepRunning(other).catch((error: unknown) => error)
      })
      await expect(child).rejects.toBeInstanceOf(RedisLockLostError)
      expect(await left).toBeInstanceOf(RedisLockLostError)
    })
    expect((await service.getStepState(runId, 't')).status).toBe('pending')
  })

  test('who makes nothing of a refused write has lost the lock all the same', async () => {
    let lost = false
    const outcome = service.withRunLock(runId, async () => {
      await takeOver()
      await service.setStepRunning(stepId).catch(() => {
        lost = true
      })
    })
    await expect(outcome).rejects.toBeInstanceOf(RedisLockLostError)
    expect(lost).toBe(true)
  })

  test('who did not wait for a write that was refused has lost the lock, too', async () => {
    const outcome = service.withRunLock(runId, async () => {
      await takeOver()
      await service.setStepResult(stepId, 1)
    })
    await expect(outcome).rejects.toBeInstanceOf(RedisLockLostError)
    expect((await service.getStepState(runId, 's')).status).toBe('pending')
  })

  test('inside its own lock a run needs no second one', async () => {
    const inner = service.withRunLock(runId, () =>
      service.withRunLock(runId, async () => 'in')
    )
    expect(await inner).toBe('in')
  })

  test('who lost the lock does not get it again inside', async () => {
    const outcome = service.withRunLock(runId, async () => {
      await takeOver()
      await vi.waitFor(() =>
        expect(
          service.withRunLock(runId, async () => 'in')
        ).rejects.toBeInstanceOf(RedisLockLostError)
      )
    })
    await expect(outcome).rejects.toBeInstanceOf(RedisLockLostError)
  })

  test('a write that is left over when the lock is free is recorded', async () => {
    const gate = Promise.withResolvers<void>()
    let branch: Promise<void> | undefined
    await service.withRunLock(runId, async () => {
      branch = gate.promise.then(() => service.setStepResult(stepId, 'late'))
    })
    gate.resolve()
    await branch
    expect((await service.getStepState(runId, 's')).result).toBe('late')
  })

  test('another service waits, and then says which lock is held', async () => {
    const other = await openService(client, {
      keyPrefix,
      lock: { retries: 2, retryDelayMs: 5 },
    })
    await service.withRunLock(runId, async () => {
      const attempt = other.withRunLock(runId, async () => 'in')
      await expect(attempt).rejects.toBeInstanceOf(RedisLockTimeoutError)
      await expect(attempt).rejects.toThrow(runId)
    })
    expect(await other.withRunLock(runId, async () => 'in')).toBe('in')
    await other.close()
  })
})
