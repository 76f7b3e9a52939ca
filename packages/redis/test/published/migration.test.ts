import { RedisLayoutError } from '@pikku/redis'
import { RedisWorkflowService as Published } from '@pikku/redis-published'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import {
  CLIENTS,
  keysOf,
  openRunService,
  openService,
  type RunService,
  type Service,
  testPrefix,
} from '../clients.js'
import { readIndexes } from '../finding/indexes.js'

const WIRE = { type: 'test' }

/** The data is made by the real store of 0.12.18, from npm. */
describe.each(CLIENTS)('moving in from 0.12.18 with $client', (client) => {
  let keyPrefix: string
  let ours: Service
  let runs: RunService
  let published: Published

  beforeEach(async () => {
    // A glob character in the prefix is a character.
    keyPrefix = `${testPrefix('moving')}[*]`
    ours = await openService(client, { keyPrefix, stepLeaseMs: 100 })
    runs = await openRunService(client, keyPrefix)
    published = new Published(inject('redisUrl'), keyPrefix, {
      wireQueues: false,
    } as never)
  })

  afterEach(async () => {
    await ours.close()
    await runs.close()
    await published.close()
  })

  /** A run with a retried, a succeeded, a running and a pending step. */
  async function startRun(inline = true) {
    const id = await published.createRun('old', { n: [] }, inline, 'h', WIRE)
    const flaky = await published.insertStepState(id, 'a:flaky', 'rpc', {})
    await published.setStepRunning(flaky.stepId)
    await published.setStepError(flaky.stepId, new Error('first'))
    const again = await published.createRetryAttempt(flaky.stepId, 'pending')
    await published.setStepRunning(again.stepId)
    await published.setStepResult(again.stepId, { kept: [], n: 1.5 })
    await nextMillisecond()
    const open = await published.insertStepState(id, 'open', 'rpc', [1])
    await published.setStepRunning(open.stepId)
    await nextMillisecond()
    await published.insertStepState(id, 'waits', 'rpc', {})
    await published.updateRunState(id, 'x', { y: 1 })
    return { id, open }
  }
  const statuses = async (id: string) =>
    (await runs.getRunHistory(id)).map(
      ({ stepName, status, attemptCount }) =>
        `${stepName} ${status} ${attemptCount}`
    )

  const keysLeft = async () => {
    const pattern = `${keyPrefix.replaceAll(/[[*\]]/g, '\\$&')}*`
    return ours.adapter.send({ key: null, args: ['KEYS', pattern] })
  }

  test('a dry run counts and writes nothing', async () => {
    await startRun()
    const found = await runs.migrate({ dryRun: true })
    expect(found).toEqual({ steps: 3, runs: 1, moved: 1 })
    expect(await runs.listRuns()).toEqual([])
    expect(await runs.migrate({ dryRun: true })).toEqual(found)
  })

  test('a run is listed, shown with its whole history, and finished', async () => {
    const { id, open } = await startRun()
    const before = await published.getRun(id)
    const told: unknown[] = []
    await runs.migrate({ onProgress: (progress) => told.push(progress) })
    expect(told.at(-1)).toEqual({ steps: 3, runs: 1, moved: 1 })
    expect(await runs.listRuns({ workflowName: 'old' })).toEqual([before])
    expect(await statuses(id)).toEqual([
      'a:flaky failed 1',
      'a:flaky succeeded 2',
      'open running 1',
      'waits pending 1',
    ])
    const [first, second] = await runs.getRunHistory(id)
    expect(first?.error?.message).toBe('first')
    expect(second?.result).toEqual({ kept: [], n: 1.5 })
    expect(await ours.getRunState(id)).toEqual({ x: { y: 1 } })
    expect(await readIndexes(ours, keyPrefix)).toMatchObject({
      idle: [],
      pending: [id],
      leases: [],
    })
    await ours.setStepResult(open.stepId, 'done')
    await ours.updateRunStatus(id, 'completed', 1)
    expect(await runs.countRuns()).toEqual([
      { workflowName: 'old', status: 'completed', count: 1 },
    ])
    expect((await published.getRun(id))?.output).toBe(1)
  })

  test('an attempt has the times that 0.12 wrote, in hash and history alike', async () => {
    const id = await published.createRun('old', {}, true, 'h', WIRE)
    const step = await published.insertStepState(id, 'slow', 'rpc', {})
    await published.setStepRunning(step.stepId)
    await published.setStepError(step.stepId, new Error('first'))
    await nextMillisecond()
    await published.createRetryAttempt(step.stepId, 'pending')
    await nextMillisecond()
    await published.setStepRunning(step.stepId)
    // Its own history finds nothing under a prefix with a glob character.
    const key = `${keyPrefix}:step-history:${step.stepId}`
    const args = ['ZRANGE', key, '0', '-1'] as const
    const written = (await ours.adapter.send({ key, args })) as string[]
    const [before, after] = written.map((text) => JSON.parse(text))
    await runs.migrate()
    const [first, second] = await runs.getRunHistory(id)
    expect(Number(first?.failedAt)).toBe(before.failedAt)
    expect(Number(second?.createdAt)).toBe(after.createdAt)
    expect(Number(second?.runningAt)).toBe(after.runningAt)
    const [stored] = await runs.getRunSteps(id)
    expect(Number(stored?.createdAt)).toBe(after.createdAt)
    await ours.setStepResult(step.stepId, 1)
    const [, last] = await runs.getRunHistory(id)
    expect(Number(last?.createdAt)).toBe(after.createdAt)
    expect(Number(last?.runningAt)).toBe(after.runningAt)
  })

  test('attempts stay in order though 0.12 died before it wrote the last one down', async () => {
    const id = await published.createRun('old', {}, true, 'h', WIRE)
    const step = await published.insertStepState(id, 'slow', 'rpc', {})
    await published.setStepError(step.stepId, new Error('first'))
    const { stepId } = await published.createRetryAttempt(
      step.stepId,
      'pending'
    )
    const key = `${keyPrefix}:step-history:${stepId}`
    const args = ['ZREMRANGEBYSCORE', key, '2', '2'] as const
    await ours.adapter.send({ key, args })
    // The clocks of its two writes, which need not agree.
    const hash = `${keyPrefix}:step:${id}:slow`
    const early = ['HSET', hash, 'createdAt', '1'] as const
    await ours.adapter.send({ key: hash, args: early })
    await runs.migrate()
    expect(await statuses(id)).toEqual(['slow failed 1', 'slow pending 2'])
    await runs.migrate({ workersGone: true })
    expect(await statuses(id)).toEqual(['slow failed 1', 'slow pending 2'])
  })

  test('migrating again changes nothing, and finds what 0.12 did since', async () => {
    const { id, open } = await startRun()
    await runs.migrate()
    const history = await runs.getRunHistory(id)
    expect(await runs.migrate()).toEqual({ steps: 0, runs: 1, moved: 0 })
    expect(await runs.getRunHistory(id)).toEqual(history)
    await published.setStepResult(open.stepId, 'by 0.12')
    await published.insertStepState(id, 'new', 'rpc', {})
    await published.updateRunStatus(id, 'completed', 2)
    expect(await runs.migrate()).toEqual({ steps: 1, runs: 1, moved: 1 })
    expect(await statuses(id)).toEqual([
      'a:flaky failed 1',
      'a:flaky succeeded 2',
      'open succeeded 1',
      'waits pending 1',
      'new pending 1',
    ])
    expect(await runs.listRuns({ status: 'completed' })).toHaveLength(1)
    expect(await runs.listRuns({ status: 'running' })).toHaveLength(0)
    expect((await readIndexes(ours, keyPrefix)).pending).toEqual([])
  })

  test('while both versions write and it runs many times, nothing is lost', async () => {
    const started = await Promise.all(
      Array.from({ length: 20 }, () => startRun())
    )
    const work = started.map(async ({ id, open }, i) => {
      const writer = i % 2 ? ours : published
      await writer.setStepResult(open.stepId, i)
      await writer.updateRunStatus(id, 'completed', i)
    })
    await Promise.all([...work, runs.migrate(), runs.migrate(), runs.migrate()])
    await runs.migrate()
    for (const [i, { id }] of started.entries()) {
      const run = await runs.getRun(id)
      expect(run).toMatchObject({ status: 'completed', output: i })
      const steps = await runs.getRunSteps(id)
      expect(steps.find(({ stepName }) => stepName === 'open')?.result).toBe(i)
    }
    expect(await runs.countRuns()).toEqual([
      { workflowName: 'old', status: 'completed', count: 20 },
    ])
  })

  test('a run is deleted with its old keys, once it was moved', async () => {
    const { id } = await startRun()
    await expect(runs.deleteRun(id)).rejects.toThrow(RedisLayoutError)
    await runs.migrate()
    expect(await runs.deleteRun(id)).toBe(true)
    expect(await keysLeft()).toEqual([`${keyPrefix}:layout`])
  })

  test('a run that was moved is deleted with what an interrupted migration found', async () => {
    const { id } = await startRun()
    await runs.migrate()
    await published.insertStepState(id, 'new', 'rpc', {})
    const interrupted = runs.migrate({
      onProgress: ({ steps }) => {
        if (steps > 0) throw new Error('interrupted')
      },
    })
    await expect(interrupted).rejects.toThrow('interrupted')
    const found = keysOf(keyPrefix).foundStepsKey(id)
    const args = ['SMEMBERS', found] as const
    expect(await ours.adapter.send({ key: found, args })).toEqual(['new'])
    expect(await runs.deleteRun(id)).toBe(true)
    expect(await keysLeft()).toEqual([`${keyPrefix}:layout`])
  })

  test('a step that the last 0.12 worker had in hand is an orphan', async () => {
    const { id } = await startRun(false)
    await runs.migrate({ workersGone: true })
    expect((await ours.recoverOrphanedSteps()).recovered).toEqual([
      { runId: id, stepName: 'open', outcome: 'retried' },
    ])
    expect(await statuses(id)).toContain('open pending 2')
  })

  test('a step that a live worker of this version has in hand stays there', async () => {
    const { id } = await startRun(false)
    await runs.migrate()
    const worker = await openService(client, { keyPrefix, stepLeaseMs: 60_000 })
    const held = await worker.insertStepState(id, 'held', 'rpc', {})
    await worker.setStepRunning(held.stepId)
    await runs.migrate({ workersGone: true })
    const { leases } = await readIndexes(ours, keyPrefix)
    expect(leases.toSorted()).toEqual([`1:${id}:held`, `1:${id}:open`])
    expect((await ours.recoverOrphanedSteps()).recovered).toEqual([
      { runId: id, stepName: 'open', outcome: 'retried' },
    ])
    expect(await statuses(id)).toContain('held running 1')
    expect((await readIndexes(ours, keyPrefix)).leases).toEqual([
      `1:${id}:held`,
    ])
    await worker.close()
  })
})

/** 0.12 orders steps by its clock: two of one millisecond have no order. */
async function nextMillisecond(): Promise<void> {
  const began = Date.now()
  while (Date.now() === began) await new Promise(setImmediate)
}
