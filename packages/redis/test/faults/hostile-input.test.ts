import {
  RedisOptionsError,
  type RedisWorkflowServiceOptions,
  RedisValueTooLargeError,
} from '@pikku/redis'
import { CommandCounter, RedisServer } from '@pikku/redis-testing'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { CLIENTS, openService, type Service } from '../clients.js'

const WIRE = { type: 'test' }
const LIMIT = 1_024

/** Prefixes with whatever a key pattern, a hash tag or Lua could make of them. */
const PREFIXES = [
  '*',
  '?[a-z]',
  '\\',
  '{}',
  '{a}b{',
  ':',
  ' ',
  "'..redis.call('FLUSHALL')..'",
  '%s%d',
  '__proto__',
  '$&',
  'é 🧾',
  'line\nbreak\0',
  'x'.repeat(4_096),
]

describe.each(CLIENTS)('hostile input over $client', (client) => {
  test.each(PREFIXES)(
    'a prefix may be %.40s, and has its own runs',
    async (text) => {
      const unique = crypto.randomUUID()
      const service = await openService(client, { keyPrefix: text + unique })
      const neighbour = await openService(client, { keyPrefix: `a${unique}` })
      const runId = await service.createRun('wf', { n: 1 }, true, 'h', WIRE)
      await service.withRunLock(runId, async () => {
        const { stepId } = await service.insertStepState(runId, 's', null, {})
        await service.setStepResult(stepId, 1)
        await service.updateRunState(runId, 'x', 1)
        await service.updateRunStatus(runId, 'completed', 1)
      })
      const run = await service.getRun(runId)
      expect(run).toMatchObject({ status: 'completed', output: 1 })
      expect(await service.getRunHistory(runId)).toHaveLength(1)
      expect(await service.getRunState(runId)).toEqual({ x: 1 })
      expect(await neighbour.getRun(runId)).toBeNull()
      await service.close()
      await neighbour.close()
    }
  )

  test('bad limits are named before anything is sent', () => {
    const url = inject('redisUrl')
    const bad: Array<[RedisWorkflowServiceOptions, RegExp]> = [
      [{ maxValueBytes: 0 }, /maxValueBytes/],
      [{ maxValueBytes: '4096' as unknown as number }, /maxValueBytes/],
      [{ callTimeoutMs: 0 }, /callTimeoutMs/],
      [{ callTimeoutMs: '10' as unknown as number }, /callTimeoutMs/],
      [{ durability: { replicas: 0, timeoutMs: 1 } }, /durability\.replicas/],
      [{ durability: { replicas: 1, timeoutMs: -1 } }, /durability\.timeoutMs/],
      [{ durability: true as never }, /durability/],
    ]
    for (const [options, message] of bad) {
      const create = () => new client.Service(url, options)
      expect(create).toThrow(RedisOptionsError)
      expect(create).toThrow(message)
    }
  })

  describe('a value over the limit', () => {
    const large = 'é'.repeat(LIMIT)
    let server: RedisServer
    let service: Service
    let runId: string
    let stepId: string

    beforeAll(async () => {
      server = await RedisServer.start()
      service = await openService(client, { maxValueBytes: LIMIT }, server.url)
      runId = await service.createRun('wf', {}, true, 'h', WIRE)
      const step = await service.insertStepState(runId, 'step', null, {})
      stepId = step.stepId
      await service.setStepRunning(stepId)
    })

    afterAll(async () => {
      await service.close()
      await server.stop()
    })

    test('is refused with its name before anything is sent', async () => {
      const writes: Array<[() => Promise<unknown>, RegExp]> = [
        [() => service.createRun('wf', large, true, 'h', WIRE), /input.*'wf'/],
        [() => service.insertStepState(runId, 'b', null, large), /'b'/],
        [() => service.setStepResult(stepId, large), /result.*'.*step/],
        [() => service.updateRunState(runId, 'big', large), /'big'/],
        [() => service.updateRunStatus(runId, 'completed', large), /output/],
      ]
      const counter = await CommandCounter.start(server.url)
      for (const [write, message] of writes) {
        const error: unknown = await write().catch((e: unknown) => e)
        expect(error).toBeInstanceOf(RedisValueTooLargeError)
        expect((error as Error).message).toMatch(message)
        expect((error as Error).message).toMatch(`${LIMIT}`)
        expect((error as Error).message.length).toBeLessThan(400)
      }
      expect((await counter.stop()).calls).toEqual({})
    })

    test('is cut when it is an error, so that the failure is recorded', async () => {
      const run = await service.createRun('wf', {}, true, 'h', WIRE)
      const step = await service.insertStepState(run, 's', null, {})
      const error = Object.assign(new Error(large), { code: 'E_LARGE' })
      await service.setStepError(step.stepId, error)
      const failed = await service.getStepState(run, 's')
      expect(failed).toMatchObject({
        status: 'failed',
        error: { code: 'E_LARGE', message: expect.stringMatching(/^é{50,}…$/) },
      })
      await service.updateRunStatus(run, 'failed', undefined, failed.error!)
      expect(await service.getRun(run)).toMatchObject({
        status: 'failed',
        error: failed.error,
      })
    })

    test('leaves the run as it was: it can be ended with less', async () => {
      await expect(service.setStepResult(stepId, large)).rejects.toThrow()
      await service.setStepResult(stepId, 'x'.repeat(LIMIT - 2))
      await service.updateRunStatus(runId, 'completed', 'small')
      const run = await service.getRun(runId)
      expect(run).toMatchObject({ status: 'completed', output: 'small' })
    })
  })
})
