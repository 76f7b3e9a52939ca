import { RedisArgumentError } from '@pikku/redis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  CLIENTS,
  keysOf,
  openRaw,
  openRunService,
  openService,
  type RunService,
  type Service,
  testPrefix,
} from '../clients.js'
import { readIndexes } from './indexes.js'

const WIRE = { type: 'test' }
const EMPTY = { listing: [], counts: [], idle: [], pending: [], leases: [] }

/** What the scripts would have made, in one call: many steps of one run. */
const ADD_STEPS = `
local id, status, count = ARGV[1], ARGV[2], tonumber(ARGV[3])
for i = 1, count do
  local name = 's' .. i
  redis.call('HSET', ARGV[4] .. name, 'stepId', id .. ':' .. name .. ':t', 'status', status, 'rpcName', 'rpc',
    'attemptCount', '1', 'createdAt', '1', 'updatedAt', '1')
  redis.call('ZADD', KEYS[1], i - 1, name)
  redis.call('RPUSH', KEYS[2], '{"stepName":"' .. name .. '","status":"' .. status .. '","attemptCount":1}')
  if status == 'running' then
    redis.call('ZADD', KEYS[3], ARGV[5], '1:' .. id .. ':' .. name)
  else
    redis.call('ZADD', KEYS[4], '1', name)
  end
end
`

describe.each(CLIENTS)('finding runs over $client', (client) => {
  let prefix: string
  let service: Service
  let runs: RunService

  beforeEach(async () => {
    prefix = testPrefix('find')
    service = await openService(client, { keyPrefix: prefix })
    runs = await openRunService(client, prefix)
  })

  afterEach(async () => {
    await service.close()
    await runs.close()
  })

  const create = (workflow: string, input: unknown = {}) =>
    service.createRun(workflow, input, true, 'h', WIRE)
  const idsOf = async (options?: Parameters<RunService['listRuns']>[0]) =>
    (await runs.listRuns(options)).map(({ id }) => id)
  /** One after the other, each a moment younger than the one before. */
  async function createMany(count: number, names: string[]): Promise<string[]> {
    const ids: string[] = []
    while (ids.length < count) {
      const id = await create(names[ids.length % names.length]!)
      ids.push(id)
      const { createdAt } = (await service.getRun(id))!
      while (Date.now() <= createdAt.getTime()) await service.getRun(id)
    }
    return ids
  }

  test('runs are listed newest first, by workflow, by status, by both', async () => {
    const ids = await createMany(6, ['a', 'b'])
    await service.updateRunStatus(ids[0]!, 'completed', 1)
    await service.updateRunStatus(ids[1]!, 'completed', 1)
    const newest = ids.toReversed()
    const at = (...positions: number[]) => positions.map((i) => ids[i])
    expect(await idsOf()).toEqual(newest)
    expect(await idsOf({ workflowName: 'a' })).toEqual(at(4, 2, 0))
    expect(await idsOf({ status: 'completed' })).toEqual(at(1, 0))
    expect(await idsOf({ status: 'running', workflowName: 'b' })).toEqual(
      at(5, 3)
    )
    expect(await idsOf({ status: 'failed' })).toEqual([])
    expect((await runs.listRuns({ limit: 1 }))[0]).toEqual(
      await service.getRun(ids[5]!)
    )
  })

  test('pages by offset and by cursor are each complete and in order', async () => {
    const newest = (await createMany(11, ['a', 'b'])).toReversed()
    for (const limit of [1, 3, 4, 11, 50]) {
      const byOffset: string[] = []
      for (let offset = 0; offset < 11; offset += limit) {
        byOffset.push(...(await idsOf({ limit, offset })))
      }
      expect(byOffset).toEqual(newest)
      const byCursor: string[] = []
      let cursor: string | undefined
      do {
        const page = await runs.listRunsPage({
          limit,
          ...(cursor && { cursor }),
        })
        byCursor.push(...page.runs.map(({ id }) => id))
        cursor = page.cursor
      } while (cursor)
      expect(byCursor).toEqual(newest)
    }
  })

  test('a cursor goes on where it was though runs are added and deleted', async () => {
    const newest = (await createMany(6, ['a'])).toReversed()
    const { cursor } = await runs.listRunsPage({ limit: 2 })
    await create('a')
    await runs.deleteRun(newest[1]!)
    expect(await idsOf({ cursor: cursor! })).toEqual(newest.slice(2))
  })

  test.each([
    ['a', 'a:b'],
    ['a', '1:a'],
    ['running', 'a:running'],
    ['__proto__', 'constructor'],
    ['*', '[a]'],
    ['日本:', '日本'],
    ['{x}', 'a\0b'],
  ])(
    'a workflow named %j is not taken for one named %j',
    async (one, other) => {
      const first = await create(one)
      const second = await create(other)
      expect(await idsOf({ workflowName: one })).toEqual([first])
      expect(await idsOf({ workflowName: other })).toEqual([second])
      expect((await runs.getDistinctWorkflowNames()).toSorted()).toEqual(
        [one, other].toSorted()
      )
      expect(await idsOf({ workflowName: one, status: 'running' })).toEqual([
        first,
      ])
    }
  )

  test('counts follow every change of status, also many at once', async () => {
    const ids = await Promise.all(
      Array.from({ length: 20 }, (_, i) => create(i % 2 ? 'odd' : 'even'))
    )
    await Promise.all(
      ids.flatMap((id, i) => [
        service.updateRunStatus(id, i < 10 ? 'completed' : 'suspended'),
        service.updateRunStatus(id, i < 10 ? 'failed' : 'running'),
      ])
    )
    const states = await Promise.all(ids.map((id) => service.getRun(id)))
    for (const { workflowName, status, count } of await runs.countRuns()) {
      const such = states.filter(
        (run) => run?.workflow === workflowName && run.status === status
      )
      expect(count).toBe(such.length)
      expect((await idsOf({ workflowName, status })).toSorted()).toEqual(
        such.map((run) => run!.id).toSorted()
      )
    }
    expect(
      (await runs.countRuns()).reduce((sum, { count }) => sum + count, 0)
    ).toBe(20)
  })

  test('a run is shown with its steps, their input and its history', async () => {
    const id = await create('a')
    const one = await service.insertStepState(id, 'one', 'rpc', { n: [1] })
    await service.setStepRunning(one.stepId)
    await service.setStepError(one.stepId, new Error('first'))
    await service.createRetryAttempt(one.stepId, 'running')
    await service.insertStepState(id, 'two', null as never, undefined)
    await service.setStepResult(one.stepId, [])
    expect(await runs.getRun(id)).toEqual(await service.getRun(id))
    expect(await runs.getRunSteps(id)).toMatchObject([
      {
        stepName: 'one',
        rpcName: 'rpc',
        data: { n: [1] },
        result: [],
        attemptCount: 2,
      },
      { stepName: 'two', status: 'pending', data: undefined },
    ])
    expect(await runs.getRunHistory(id)).toEqual(
      await service.getRunHistory(id)
    )
    expect(await runs.getRunSteps('nobody')).toEqual([])
  })

  test('deleting a run leaves no key and no index entry behind', async () => {
    const id = await create('a')
    const running = await service.insertStepState(id, 'r:1', 'rpc', {})
    await service.setStepRunning(running.stepId)
    await service.insertStepState(id, 'waits', 'rpc', {})
    await service.updateRunState(id, 'x', 1)
    expect((await readIndexes(service, prefix)).leases).toHaveLength(1)
    expect((await readIndexes(service, prefix)).pending).toEqual([id])
    expect(await runs.deleteRun(id)).toBe(true)
    expect(await runs.deleteRun(id)).toBe(false)
    expect(await readIndexes(service, prefix)).toEqual(EMPTY)
    const keys = keysOf(prefix)
    const left = [
      ...Object.values(keys.runKeys(id)),
      keys.stepKey(id, 'r:1'),
      keys.stepKey(id, 'waits'),
    ]
    for (const key of left) {
      const args = ['EXISTS', key] as const
      expect(await service.adapter.send({ key, args }), key).toBe(0)
    }
    await expect(service.setStepResult(running.stepId, 1)).rejects.toThrow(id)
    expect(await readIndexes(service, prefix)).toEqual(EMPTY)
  })

  test.each([
    [9_000, 'running'],
    [40_000, 'pending'],
  ] as const)(
    'a run with %d steps, all %s, is deleted',
    async (count, status) => {
      const id = await create('a')
      const other = await create('a')
      const held = await service.insertStepState(other, 'held', 'rpc', {})
      await service.setStepRunning(held.stepId)
      const keys = keysOf(prefix)
      const { steps, history, leases, pendingSteps } = keys.runScriptKeys(id)
      const raw = await openRaw()
      const added = [id, status, count, keys.stepKey(id, ''), Date.now() * 2]
      const where = [steps, history, leases, pendingSteps]
      await raw.command('EVAL', ADD_STEPS, where.length, ...where, ...added)
      const stored = (await raw.command(
        'KEYS',
        `${prefix}:*${id}*`
      )) as string[]
      expect(stored.length).toBeGreaterThan(count)
      expect(await runs.deleteRun(id)).toBe(true)
      expect(await raw.command('KEYS', `${prefix}:*${id}*`)).toEqual([])
      await raw.close()
      const indexes = await readIndexes(service, prefix)
      expect(indexes.leases).toEqual([`1:${other}:held`])
      expect(await idsOf()).toEqual([other])
    }
  )

  test('a step added while its run is deleted goes too, or is refused', async () => {
    for (let i = 0; i < 20; i++) {
      const id = await create('a')
      const [, deleted] = await Promise.all([
        Promise.allSettled(
          ['a', 'b', 'c'].map((name) =>
            service.insertStepState(id, name, 'rpc', {})
          )
        ),
        runs.deleteRun(id),
      ])
      expect(deleted).toBe(true)
      expect(await runs.getRunSteps(id)).toEqual([])
    }
    expect(await readIndexes(service, prefix)).toEqual(EMPTY)
  })

  test.each([
    [{ limit: -1 }, 'limit'],
    [{ limit: 1.5 }, 'limit'],
    [{ offset: Number.NaN }, 'offset'],
    [{ cursor: 'bm9uZQ' }, 'cursor'],
  ])('%j is refused by name', async (options, name) => {
    const listed = runs.listRuns(options)
    await expect(listed).rejects.toThrow(RedisArgumentError)
    await expect(listed).rejects.toThrow(name)
  })
})
