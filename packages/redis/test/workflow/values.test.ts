import { RedisCorruptDataError, RedisWrongTypeError } from '@pikku/redis'
import type { RawRedis } from '@pikku/redis-testing'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import {
  CLIENTS,
  keysOf,
  openRaw,
  openService,
  type Service,
} from '../clients.js'

const NAMES = [
  'plain',
  'a:b:c',
  ':',
  '',
  'step#1',
  '*',
  '[a-z]?',
  '{tag}',
  '{}',
  'with spaces',
  'línea 🧾',
  '__proto__',
  'constructor',
  '"quoted" \\ and \n new lines \0',
  'x'.repeat(4096),
]

const VALUES: Array<[string, unknown]> = [
  ['undefined', undefined],
  ['null', null],
  ['an empty array', []],
  ['an empty object', {}],
  ['nested empties', { a: [], b: {}, c: [[]] }],
  ['false', false],
  ['zero', 0],
  ['a large integer', 9007199254740991],
  ['a fraction', 0.1],
  ['an empty string', ''],
  ['unicode', 'grüße 👋 \u2028 \ud83e'],
  ['a megabyte', 'é'.repeat(512 * 1024)],
]

describe.each(CLIENTS)('names and values over $client', (client) => {
  let service: Service
  let raw: RawRedis
  // On a cluster a prefix may have no braces: they would decide on the slot.
  const glob = inject('redisCluster').length === 0 ? '{*}' : '*'
  const prefix = `workflows:values ${glob} [${client.client}] ${crypto.randomUUID()}`

  beforeAll(async () => {
    raw = await openRaw()
    service = await openService(client, { keyPrefix: prefix })
  })

  afterAll(async () => {
    await service.close()
    await raw.close()
  })

  const createRun = (input?: unknown) =>
    service.createRun('wf', input, true, 'h', { type: 'test' })

  test('any step name, workflow name and variable name works', async () => {
    const runId = await createRun()
    for (const name of NAMES) {
      const { stepId } = await service.insertStepState(runId, name, 'rpc', {})
      await service.setStepRunning(stepId)
      await service.setStepResult(stepId, { name })
      await service.setBranchTaken(stepId, name || 'none')
      await service.updateRunState(runId, name, name)
      await service.upsertWorkflowVersion(name, 'h', { name }, 'dsl')
      expect(await service.getWorkflowVersion(name, 'h')).toEqual({
        graph: { name },
        source: 'dsl',
      })
      const odd = await service.createRun(name, {}, true, name, { type: name })
      expect((await service.getRun(odd))?.workflow).toBe(name)
    }
    const history = await service.getRunHistory(runId)
    expect(history.map(({ stepName }) => stepName)).toEqual(NAMES)
    const results = await service.getNodeResults(runId, NAMES)
    const state = await service.getRunState(runId)
    const { branchKeys } = await service.getCompletedGraphState(runId)
    for (const name of NAMES) {
      expect(Object.hasOwn(results, name)).toBe(true)
      expect(results[name]).toEqual({ name })
      expect(Object.hasOwn(state, name)).toBe(true)
      expect(state[name]).toBe(name)
      expect(Object.hasOwn(branchKeys, name)).toBe(true)
    }
  })

  test.each(VALUES)(
    '%s survives as input, result, output',
    async (_, value) => {
      const runId = await createRun(value)
      const { stepId } = await service.insertStepState(runId, 's', null, value)
      await service.setStepResult(stepId, value)
      await service.updateRunStatus(runId, 'completed', value)
      const run = await service.getRun(runId)
      const step = await service.getStepState(runId, 's')
      const [entry] = await service.getRunHistory(runId)
      for (const got of [run?.input, run?.output, step.result, entry?.result]) {
        expect(JSON.stringify(got) === JSON.stringify(value)).toBe(true)
      }
      expect(step.rpcName).toBeNull()
    }
  )

  test('an id from a URL finds nothing and harms nothing', async () => {
    for (const id of ['*', 'a:b', '../../etc', '{x}', 'lock', '%3A']) {
      expect(await service.getRun(id)).toBeNull()
      expect(await service.getRunHistory(id)).toEqual([])
      await expect(service.getStepState(id, 'x')).rejects.toThrow(/not exist/)
    }
  })

  test('stored text that is not JSON names its key and its field', async () => {
    const runId = await createRun()
    const key = keysOf(prefix).runKey(runId)
    await raw.command('HSET', key, 'input', '{broken')
    const read = service.getRun(runId)
    await expect(read).rejects.toBeInstanceOf(RedisCorruptDataError)
    await expect(read).rejects.toMatchObject({ key, field: 'input' })
    expect((await read.catch((e: Error) => e)) as Error).toHaveProperty('cause')
  })

  test('a key of another type is a named error and nothing changes', async () => {
    const runId = await createRun()
    const { stepId } = await service.insertStepState(runId, 's', 'rpc', {})
    const history = keysOf(prefix).historyKey(runId)
    await raw.command('SET', history, 'not a list')
    const write = service.setStepResult(stepId, 1)
    await expect(write).rejects.toBeInstanceOf(RedisWrongTypeError)
    await expect(write).rejects.toThrow(history)
    expect((await service.getStepState(runId, 's')).status).toBe('pending')
  })
})
