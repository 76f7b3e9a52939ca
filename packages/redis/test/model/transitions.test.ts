import { isDeepStrictEqual } from 'node:util'
import type { RawRedis } from '@pikku/redis-testing'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CLIENTS,
  keysOf,
  openRaw,
  openService,
  type Service,
  testPrefix,
} from '../clients.js'
import { expectStepsAgreeWithHistory } from '../faults/agreement.js'
import { type Answer, answerOf, RunModel } from './run-model.js'

/** Sequences of batches of commands: 50 000 commands and more in all. */
const SEQUENCES = 750
const BATCHES = 30
const MOST_AT_ONCE = 4

const STEPS = ['a', 'b:#*', '__proto__'] as const

interface Run {
  readonly service: Service
  readonly runId: string
  /** The ids of the steps that were known before the batch. */
  readonly ids: ReadonlyMap<string, string>
}

/** One command, to the model and to the store. */
interface Command {
  readonly name: string
  model(model: RunModel): Answer
  store(run: Run): Promise<Answer>
}

const stepName = fc.constantFrom(...STEPS)
const value = fc.oneof(fc.nat(), fc.constant([]), fc.constant({}), fc.string())

/** A command on a step's id: of a step that is not there, one that fits none. */
const onStep = (
  name: string,
  model: (model: RunModel, stepName: string) => Answer,
  store: (service: Service, stepId: string) => Promise<unknown>
) =>
  stepName.map((step): Command => ({
    name: `${name} ${step}`,
    model: (run) => model(run, step),
    store: async ({ service, runId, ids }) => {
      const id = ids.get(step) ?? `${runId}:${step}:0000000000000000`
      return answered(await store(service, id))
    },
  }))

const commands = fc.oneof(
  stepName.map((step): Command => ({
    name: `insert ${step}`,
    model: (model) => model.insert(step),
    store: async ({ service, runId }) =>
      answered(await service.insertStepState(runId, step, 'rpc', {})),
  })),
  stepName.map((step): Command => ({
    name: `claim ${step}`,
    model: (model) => model.claim(step),
    store: async ({ service, runId }) =>
      answered(await service['claimStepForExecution'](runId, step, 'rpc')),
  })),
  onStep(
    'schedule',
    (model, step) => model.schedule(step),
    (service, id) => service.setStepScheduled(id)
  ),
  onStep(
    'start',
    (model, step) => model.start(step),
    (service, id) => service.setStepRunning(id)
  ),
  value.chain((result) =>
    onStep(
      `succeed with ${JSON.stringify(result)}`,
      (model, step) => model.succeed(step, result),
      (service, id) => service.setStepResult(id, result)
    )
  ),
  fc.string().chain((message) =>
    onStep(
      `fail with '${message}'`,
      (model, step) => model.fail(step, message),
      (service, id) => service.setStepError(id, new Error(message))
    )
  ),
  fc.constantFrom('pending' as const, 'running' as const).chain((status) =>
    onStep(
      `retry ${status}`,
      (model, step) => model.retry(step, status),
      (service, id) => service.createRetryAttempt(id, status)
    )
  ),
  onStep(
    'link child',
    (model, step) => model.linkChild(step, 'child'),
    (service, id) => service.setStepChildRunId(id, 'child')
  ),
  fc.tuple(stepName, value).map(([name, value]): Command => ({
    name: `set ${name}`,
    model: (model) => model.setState(name, value),
    store: async ({ service, runId }) =>
      answered(await service.updateRunState(runId, name, value)),
  })),
  fc
    .constantFrom(
      ...(['running', 'suspended', 'completed', 'cancelled'] as const)
    )
    .map((status): Command => ({
      name: `run is ${status}`,
      model: (model) => model.updateStatus(status, status),
      store: async ({ service, runId }) =>
        answered(await service.updateRunStatus(runId, status, status)),
    }))
)

const batch = fc.array(commands, { minLength: 1, maxLength: MOST_AT_ONCE })

function answered(value: unknown): Answer {
  if (value === undefined) return 'ok'
  if (value === null) return null
  return answerOf(value as Parameters<typeof answerOf>[0])
}

describe('transitions in any order, some at once', () => {
  const prefix = testPrefix()
  let services: Service[]
  let raw: RawRedis

  beforeAll(async () => {
    raw = await openRaw()
    // Connections of their own, so that commands of a batch really race.
    const open = [...CLIENTS, ...CLIENTS].map((client) =>
      openService(client, { keyPrefix: prefix })
    )
    services = await Promise.all(open)
  })

  afterAll(async () => {
    await Promise.all(services.map((service) => service.close()))
    await raw.close()
  })

  /** What can be seen of the run, in the shape of the model. */
  async function look(runId: string) {
    const [service] = services as [Service]
    const [run, state, steps] = await Promise.all([
      service.getRun(runId),
      service.getRunState(runId),
      service.getRunHistory(runId),
    ])
    const stamps = steps.map(({ createdAt }) => createdAt.getTime())
    expect(stamps).toEqual([...new Set(stamps)].toSorted((a, b) => a - b))
    const history = steps.map((step) => ({
      stepName: step.stepName,
      status: step.status,
      attemptCount: step.attemptCount,
      result: step.result,
      error: step.error?.message,
      childRunId: step.childRunId,
    }))
    const ids = new Map(steps.map((step) => [step.stepName, step.stepId]))
    const seen = {
      status: run!.status,
      output: run!.output,
      error: run!.error?.message,
      state,
      history,
    }
    return { ids, seen }
  }

  /** An order in which the commands, one by one, do what was seen. */
  function explain(
    before: RunModel,
    batch: readonly Command[],
    answers: readonly Answer[],
    seen: object
  ): RunModel | undefined {
    for (const order of ordersOf(batch.map((_, i) => i))) {
      const model = before.clone()
      const fits = order.every((i) => batch[i]!.model(model) === answers[i])
      if (fits && isDeepStrictEqual(visible(model), seen)) return model
    }
    return undefined
  }

  /** Whether the indexes hold the run and its steps as the sweeps need them. */
  async function expectIndexed(model: RunModel, runId: string) {
    const keys = keysOf(prefix)
    const { idle, pending, leases } = keys.indexKeys(runId)
    const has = async (index: string, member: string) =>
      (await raw.command('ZSCORE', index, member)) !== null
    const steps = STEPS.flatMap((name) => model.step(name) ?? [])
    const inState = (...states: string[]) =>
      steps.filter(({ status }) => states.includes(status))
    const runs = model.status === 'running'
    const isActive = runs || model.status === 'suspended'
    const waits = isActive && inState('pending').length > 0
    expect(await has(pending, runId), 'pending').toBe(waits)
    const rests = runs && inState('running', 'scheduled').length === 0
    const woken = await raw.command('HEXISTS', keys.runKey(runId), 'woken')
    expect(woken === 1 && !isActive, 'woken').toBe(false)
    expect(await has(idle, runId), 'idle').toBe(rests || woken === 1)
    for (const { stepName, status, attemptCount } of steps) {
      const lease = keys.stepLease(runId, stepName, attemptCount)
      expect(await has(leases, lease), lease).toBe(status === 'running')
    }
  }

  test('in the run lock, as if each were waited for', async () => {
    let transitions = 0
    const property = fc.asyncProperty(
      fc.array(batch, { minLength: 10, maxLength: 10 }),
      async (batches) => {
        const [first] = services as [Service]
        const wire = { type: 'test' }
        const runId = await first.createRun('wf', {}, false, 'h', wire)
        const model = new RunModel()
        for (const [i, batch] of batches.entries()) {
          const service = services[i % services.length]!
          await service.withRunLock(runId, async () => {
            const steps = (await service['listStepStates'](runId)) ?? []
            // A run that was suspended goes on when it is driven.
            if (model.status === 'suspended') {
              model.updateStatus('running', undefined)
            }
            const ids = new Map(
              steps.map((step) => [step.stepName, step.stepId])
            )
            for (const { name, ...command } of batch) {
              // What is wrong with a step that is not there comes later here.
              const onStep = STEPS.find((step) => name.endsWith(` ${step}`))
              if (onStep && !name.startsWith('insert') && !ids.has(onStep)) {
                continue
              }
              const answer = command
                .store({ service, runId, ids })
                .catch((error: Error) => error.name)
              expect(await answer, name).toBe(command.model(model))
              transitions++
            }
          })
          const { seen } = await look(runId)
          expect(seen).toEqual(visible(model))
        }
        await expectIndexed(model, runId)
        await expectStepsAgreeWithHistory(raw, keysOf(prefix), runId)
      }
    )
    await fc.assert(property, { numRuns: 450, endOnFailure: false })
    console.log(`${transitions} transitions in the run lock`)
    expect(transitions).toBeGreaterThanOrEqual(3_000)
  }, 120_000)

  test('end as if they had come one after the other', async () => {
    let transitions = 0
    let together = 0
    const sequences = fc.array(batch, {
      minLength: BATCHES,
      maxLength: BATCHES,
    })
    const property = fc.asyncProperty(sequences, async (batches) => {
      const [first] = services as [Service]
      const wire = { type: 'test' }
      const runId = await first.createRun('wf', {}, false, 'h', wire)
      let model = new RunModel()
      let ids: ReadonlyMap<string, string> = new Map()
      for (const batch of batches) {
        const calls = batch.map((command, i) => {
          const service = services[i % services.length]!
          return command
            .store({ service, runId, ids })
            .catch((error: Error) => error.name)
        })
        const answers = await Promise.all(calls)
        const { seen, ids: known } = await look(runId)
        const next = explain(model, batch, answers, seen)
        if (!next) {
          const asked = batch.map(({ name }, i) => `${name}: ${answers[i]}`)
          const cannot = { before: visible(model), asked, seen }
          throw new Error(`No order gives ${JSON.stringify(cannot, null, 2)}`)
        }
        model = next
        ids = known
        if (transitions % 5 === 0) await expectIndexed(model, runId)
        transitions += batch.length
        if (batch.length > 1) together += batch.length
      }
      await expectIndexed(model, runId)
      await expectStepsAgreeWithHistory(raw, keysOf(prefix), runId)
    })
    await fc.assert(property, { numRuns: SEQUENCES, endOnFailure: false })
    console.log(`${transitions} transitions, ${together} of them beside others`)
    expect(transitions).toBeGreaterThanOrEqual(50_000)
  }, 300_000)
})

/** The model in the shape in which a run is looked at. */
function visible({ status, output, error, state, history }: RunModel): object {
  return { status, output, error, state: Object.fromEntries(state), history }
}

function* ordersOf(items: readonly number[]): Generator<number[]> {
  if (items.length <= 1) return yield [...items]
  for (const [i, item] of items.entries()) {
    for (const rest of ordersOf(items.toSpliced(i, 1))) yield [item, ...rest]
  }
}
