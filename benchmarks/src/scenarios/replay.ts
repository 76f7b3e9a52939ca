import type { PikkuWorkflowService } from '@pikku/core/workflow'
import { contenders } from '../contenders.ts'
import {
  beginApplication,
  graphHashOf,
  NO_RPC,
  registerWorkflow,
  WIRE,
} from '../engine.ts'
import type { Bench, Scenario, Values } from '../scenario.ts'
import { median } from '../statistics.ts'
import { openStore, type Store } from '../store.ts'
import { WireMeter } from '../wire-meter.ts'

const RECORDING_AT_ONCE = 64
const sizeOf = (name: string) => Number.parseInt(name, 10)

export const replay: Scenario = {
  name: 'replay',
  title: 'Resuming a run of many recorded steps',
  about: `From runWorkflowJob of a run whose steps are all recorded to where its
body waits for a queued step: what a crash or a deploy costs. Memory is what the
heap holds at that point, after a collection, beside what it held before.`,
  metrics: {
    ms: { label: 'time of a replay', unit: 'ms', better: 'lower' },
    roundTrips: { label: 'round trips', unit: '', better: 'lower' },
    commands: { label: 'commands', unit: '', better: 'lower' },
    bytesReceived: { label: 'bytes received', unit: 'B', better: 'lower' },
    heldKiB: { label: 'memory held', unit: 'KiB', better: 'lower' },
  },
  headline: 'ms',

  collect: (lab) =>
    lab.inTurns({
      scenario: 'replay',
      cases: lab.settings.quick ? ['50 steps'] : ['1000 steps', '10000 steps'],
      contenders: () => contenders('ours', 'published', 'memory'),
      // Everybody's runs stay for all rounds: recording takes long.
      prepare: async () => ({}),
    }),

  async measure(bench) {
    const keyPrefix = `replay-${bench.contender.id}`
    const held: HeapAtEnd = { measure: false, bytes: 0 }
    beginApplication()
    registerReplay(sizeOf(bench.case), held)
    const run = recorded.get(bench.case) ?? (await record(bench, keyPrefix))
    recorded.set(bench.case, run)

    const times: number[] = []
    await resume(run.store.service, run.id)
    await bench.begin()
    const end = performance.now() + bench.settings.measureMs
    do {
      const began = performance.now()
      await resume(run.store.service, run.id)
      times.push(performance.now() - began)
    } while (performance.now() < end)

    held.measure = true
    const before = collectedHeap()
    await resume(run.store.service, run.id)
    held.measure = false
    const heldKiB = Math.max(0, held.bytes - before) / 1_024
    const counts =
      bench.contender.kind === 'memory'
        ? {}
        : await count(bench, keyPrefix, run.id)
    return { ms: median(times), heldKiB, ...counts }
  },
}

interface Recorded {
  readonly store: Store
  readonly id: string
}

interface HeapAtEnd {
  measure: boolean
  bytes: number
}

/** What this process recorded, by case. */
const recorded = new Map<string, Recorded>()

function registerReplay(steps: number, held: HeapAtEnd): void {
  registerWorkflow('replayed', async (workflow) => {
    for (let n = 1; n <= steps; n++) {
      await workflow.do(`step ${n}`, async () => {
        throw new Error(`Step ${n} is recorded and ran again`)
      })
    }
    if (held.measure) held.bytes = collectedHeap()
    await workflow.do('wait', 'waits', {})
  })
}

async function record(
  { contender, target, case: name }: Bench,
  keyPrefix: string
): Promise<Recorded> {
  const store = await openStore(contender, target, keyPrefix)
  const { service } = store
  const hash = graphHashOf('replayed')
  const id = await service.createRun('replayed', {}, true, hash, WIRE)
  const steps = sizeOf(name)
  let next = 1
  const lane = async () => {
    while (next <= steps) {
      const n = next++
      const step = await service.insertStepState(id, `step ${n}`, null, null)
      await service.setStepResult(step.stepId, { step: n, ok: true })
    }
  }
  await Promise.all(Array.from({ length: RECORDING_AT_ONCE }, lane))
  const { stepId } = await service.insertStepState(id, 'wait', 'waits', {})
  await service.setStepScheduled(stepId)
  return { store, id }
}

async function resume(service: PikkuWorkflowService, id: string) {
  try {
    await service.runWorkflowJob(id, NO_RPC)
  } catch (error) {
    // How the engine leaves a body that waits.
    if ((error as Error).name === 'WorkflowAsyncException') return
    throw error
  }
  throw new Error('The replay did not stop where it has to wait')
}

async function count(
  { contender, target }: Bench,
  keyPrefix: string,
  id: string
): Promise<Values> {
  const meter = await WireMeter.open(target.urls[0]!)
  const through = { urls: [meter.url], cluster: false }
  const { service, close } = await openStore(contender, through, keyPrefix)
  await resume(service, id)
  const { roundTrips, commands, bytesReceived } = await meter.count(() =>
    resume(service, id)
  )
  await close()
  await meter.close()
  return { roundTrips, commands, bytesReceived }
}

function collectedHeap(): number {
  if (!globalThis.gc) throw new Error('node has to run with --expose-gc')
  globalThis.gc()
  return process.memoryUsage().heapUsed
}
