import {
  RedisCorruptDataError,
  RedisError,
  RedisWrongTypeError,
} from '@pikku/redis'
import { RawConnection, uniquePrefix } from '@pikku/redis-testing'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { CLIENTS, openService, type Service } from '../clients.js'

const WIRE = { type: 'test' }

describe.each(CLIENTS)(
  'stored data that is not ours over $client',
  (client) => {
    const keyPrefix = uniquePrefix()
    let service: Service
    let raw: RawConnection

    beforeAll(async () => {
      raw = await RawConnection.open(inject('redisUrl'))
      service = await openService(client, { keyPrefix })
    })
    afterAll(async () => {
      await service.close()
      await raw.close()
    })

    /** A run with a step that has succeeded, a variable, and its keys. */
    async function recorded() {
      const runId = await service.createRun('wf', { in: 1 }, false, 'h', WIRE)
      const { stepId } = await service.insertStepState(runId, 's', 'rpc', {})
      await service.setStepRunning(stepId)
      await service.setStepResult(stepId, { out: 1 })
      await service.updateRunState(runId, 'v', 1)
      const key = (kind: string) => `${keyPrefix}:${kind}:${runId}`
      const keys = {
        run: key('run'),
        step: `${key('step')}:s`,
        history: key('history'),
        state: key('run-state'),
      }
      return { runId, stepId, keys }
    }
    type Recorded = Awaited<ReturnType<typeof recorded>>

    const reads: Record<
      keyof Recorded['keys'],
      (run: Recorded) => Promise<unknown>
    > = {
      run: ({ runId }) => service.getRun(runId),
      step: ({ runId }) => service.getStepState(runId, 's'),
      history: ({ runId }) => service.getRunHistory(runId),
      state: ({ runId }) => service.getRunState(runId),
    }

    const BROKEN_FIELDS = [
      ['run', 'input'],
      ['run', 'wire'],
      ['step', 'result'],
      ['state', 'v'],
    ] as const

    test.each(BROKEN_FIELDS)(
      'text that is not JSON in %s.%s names the key and the field',
      async (kind, field) => {
        const run = await recorded()
        const key = run.keys[kind]
        expect(await raw.command('HEXISTS', key, field)).toBe(1)
        await raw.command('HSET', key, field, '{broken')
        const read = reads[kind](run)
        await expect(read).rejects.toBeInstanceOf(RedisCorruptDataError)
        await expect(read).rejects.toMatchObject({ key, field })
        await expect(read).rejects.toThrow(key)
      }
    )

    const REQUIRED_FIELDS = [
      ['run', 'status'],
      ['run', 'workflow'],
      ['run', 'createdAt'],
      ['step', 'status'],
      ['step', 'createdAt'],
    ] as const

    test.each(REQUIRED_FIELDS)(
      '%s.%s that is missing is named, with its key',
      async (kind, field) => {
        const run = await recorded()
        const key = run.keys[kind]
        expect(await raw.command('HDEL', key, field)).toBe(1)
        const read = reads[kind](run)
        await expect(read).rejects.toBeInstanceOf(RedisCorruptDataError)
        await expect(read).rejects.toMatchObject({ key, field })
      }
    )

    test('an entry of the history that is not JSON names the list', async () => {
      const run = await recorded()
      await raw.command('RPUSH', run.keys.history, '{broken')
      const read = service.getRunHistory(run.runId)
      await expect(read).rejects.toBeInstanceOf(RedisCorruptDataError)
      await expect(read).rejects.toMatchObject({ key: run.keys.history })
    })

    test.each(['run', 'step', 'history', 'state'] as const)(
      'a string where %s should be is named, read or written',
      async (kind) => {
        const run = await recorded()
        const key = run.keys[kind]
        await raw.command('SET', key, 'foreign')
        await expect(reads[kind](run)).rejects.toBeInstanceOf(
          RedisWrongTypeError
        )
        await expect(reads[kind](run)).rejects.toThrow(key)
        const writes: Record<typeof kind, () => Promise<unknown>> = {
          run: () => service.updateRunStatus(run.runId, 'completed', 1),
          step: () => service.setStepRunning(run.stepId),
          history: () => service.insertStepState(run.runId, 'x', 'rpc', {}),
          state: () => service.updateRunState(run.runId, 'v', 2),
        }
        const error: unknown = await writes[kind]().catch((e: unknown) => e)
        expect(error).toBeInstanceOf(RedisError)
        expect((error as Error).message).toContain(key)
        expect(await raw.command('GET', key)).toBe('foreign')
      }
    )

    test('other runs go on', async () => {
      const broken = await recorded()
      await raw.command('SET', broken.keys.run, 'foreign')
      await raw.command('SET', broken.keys.history, 'foreign')
      const { runId } = await recorded()
      await service.updateRunStatus(runId, 'completed', 'fine')
      expect(await service.getRun(runId)).toMatchObject({ output: 'fine' })
      expect(await service.getRunHistory(runId)).toHaveLength(1)
    })
  }
)
